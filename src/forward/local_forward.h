// A local forward (ssh -L): its listener, its clients, and their count.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include <tunneld/error.h>
#include <tunneld/profile.h>

#include "forward/client.h"
#include "forward/listener.h"
#include "loop/loop.h"
#include "ssh/chain.h"

namespace tunneld::forward {

class LocalForward;

class ForwardObserver {
 public:
  virtual ~ForwardObserver() = default;
  // Whether this client may use the forward; if not, it is reset.
  virtual bool forward_admits(LocalForward& forward, const Accepted& client) = 0;
  // The session to the target, null while the chain is down.
  virtual ssh::VisitedSession forward_session() = 0;
  virtual void forward_holds(LocalForward& forward) = 0;  // a client waits, and there is no chain
  virtual void forward_client_began(LocalForward& forward) = 0;
  virtual void forward_client_ended(LocalForward& forward) = 0;
  // A client was reset for a reason that `status` should tell.
  virtual void forward_error(LocalForward& forward, Error error) = 0;
};

struct ForwardCounters {
  std::uint64_t total = 0;  // accepted and admitted since the listener was opened
  std::uint64_t bytes_in = 0;   // from clients to the target
  std::uint64_t bytes_out = 0;  // from the target to clients
};

class LocalForward : private ClientOwner {
 public:
  // `forward` and `target_host`, the last hop, which errors name, are the profile's, which outlives this. `hold_ms`: how long
  // a client waits for the chain.
  LocalForward(loop::Loop& loop, const Forward& forward, const Host& target_host, std::uint64_t hold_ms,
               ForwardObserver& observer);
  ~LocalForward() override;

  // Does nothing when it listens already. A port that the system has chosen once stays, unless it is taken by then.
  Result<void> listen();
  // The one to choose if the profile leaves it open.
  void suggest_port(std::uint16_t port) { port_ = port; }
  void stop_listening() { listener_.reset(); }
  bool listening() const { return listener_ != nullptr; }
  // Clients that are held go on to the session.
  void serve_held();
  // The session ends: clients whose connection stands are reset, those that wait for the target's answer are held again.
  void end_service();
  // Clients that wait for the target's answer in this session, and have not waited in another.
  bool waits_in(const ssh::Session& session) const;
  // They are held again.
  void leave_session(const ssh::Session& session);
  void reset_clients();

  const Forward& forward() const { return forward_; }
  // With the port that was chosen, if it was 0.
  Endpoint listen_endpoint() const { return listener_ ? listener_->endpoint() : forward_.listen; }
  std::size_t connections() const { return clients_.size(); }
  std::size_t held() const;
  ForwardCounters counters() const;
  const std::map<const Client*, std::unique_ptr<Client>>& clients() const { return clients_; }

 private:
  void accept(Accepted accepted);
  void descriptors_are_short();
  void client_unserved(Client& client) override;
  void client_held_too_long(Client& client) override;
  void client_refused(Client& client, std::uint32_t reason, const std::string& text) override;
  void client_ended(Client& client) override;

  loop::Loop& loop_;
  const Forward& forward_;
  const Host& target_host_;
  const std::uint64_t hold_ms_;
  ForwardObserver& observer_;
  std::uint16_t port_ = 0;  // where it has listened, or should
  std::unique_ptr<Listener> listener_;
  std::map<const Client*, std::unique_ptr<Client>> clients_;
  ForwardCounters ended_;  // of clients that are gone
};

}  // namespace tunneld::forward
