// `down` and `shutdown`: takes tunnels down and says which clients were connected.
#pragma once

#include <functional>
#include <set>
#include <string>

#include "daemon/control_server.h"
#include "daemon/gatekeeper.h"
#include "daemon/tunnel_set.h"

namespace tunneld::daemon {

class DownRequest : public Request, private TunnelObserver {
 public:
  // `when_done` is called after the result was sent (shutdown goes on from there); may be empty.
  DownRequest(TunnelSet& tunnels, Gatekeeper& gatekeeper, const control::Request& request, Replies& replies,
              std::function<void()> when_done);
  ~DownRequest() override;

  void start();
  // What is going down goes on doing so.
  void cancel() override;

 private:
  void begin(Tunnel& tunnel);
  // Those that are connected now, for who is told that the profile is down.
  void name_clients(const std::vector<Tunnel*>& tunnels);
  void tunnel_progress(Tunnel& tunnel, int, const Host&, const ssh::HopProgress&) override { asked_for_again(tunnel); }
  bool tunnel_asks(Tunnel&, const Host&, const std::string&, const HostKey&) override { return false; }
  void tunnel_settled(Tunnel& tunnel) override { asked_for_again(tunnel); }
  void tunnel_down(Tunnel& tunnel) override;
  void tunnel_client_ended(Tunnel&) override {}
  void asked_for_again(Tunnel& tunnel);
  void report_failure(const std::string& name, Error error);
  void finish_if_done();

  TunnelSet& tunnels_;
  Gatekeeper& gatekeeper_;
  const control::Json args_;
  const bool all_;
  Replies& replies_;
  std::function<void()> when_done_;
  std::map<std::string, control::Json> going_;  // profile to its clients
  int exit_code_ = 0;
  bool finished_ = false;
};

}  // namespace tunneld::daemon
