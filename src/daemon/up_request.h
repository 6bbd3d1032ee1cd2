// `up` and `restart`: loads the profiles as they are now, wants their tunnels, tells every step, and ends when each has
// come up or failed.
#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "daemon/control_server.h"
#include "daemon/tunnel_set.h"

namespace tunneld::daemon {

class UpRequest : public Request, private TunnelObserver {
 public:
  UpRequest(TunnelSet& tunnels, loop::Loop& loop, const control::Request& request, std::uint64_t client,
            Replies& replies);
  ~UpRequest() override;

  // Begins; may end at once. To be called when the request has been stored.
  void start();
  void answer(std::int64_t prompt, const std::string& text) override;
  void cancel() override;

 private:
  struct Pending {
    bool waiting = true;
    bool was_serving = false;  // before this request
    bool orphaned = false;     // there is no definition of it any more
    bool outdated = false;     // Wanted
    int exit_code = 0;
  };
  void begin(const std::string& name, const Profile& profile);
  void begin_orphaned(const std::string& name, const Profile& profile);
  void tunnel_progress(Tunnel& tunnel, int hop, const Host& host, const ssh::HopProgress& progress) override;
  bool tunnel_asks(Tunnel& tunnel, const Host& host, const std::string& text, const HostKey& key) override;
  void tunnel_settled(Tunnel& tunnel) override;
  void tunnel_down(Tunnel& tunnel) override;
  void tunnel_client_ended(Tunnel&) override {}

  void succeed(Tunnel& tunnel);
  void fail(const std::string& name, Error error);
  void finish_if_done();
  void time_out();
  Error timed_out_error(const std::string& name);
  void arm_deadline();
  void ask(const std::string& text);
  void drop_questions(const std::string& profile);
  void give_up_waiting();

  TunnelSet& tunnels_;
  const control::Json args_;
  const bool restart_;
  const bool interactive_;
  const bool lease_;
  const std::uint64_t wait_ms_;
  const std::uint64_t client_;
  Replies& replies_;
  std::vector<std::string> names_;
  std::map<std::string, Pending> pending_;
  std::size_t waiting_ = 0;  // of them
  bool finished_ = false;
  loop::Timer deadline_;
  // Asked one after another; the first is the one that the person sees.
  struct Question {
    std::string profile;
    std::string hop;
    std::string fingerprint;
    std::string text;
  };
  std::deque<Question> questions_;
  std::int64_t prompt_ = 0;
};

}  // namespace tunneld::daemon
