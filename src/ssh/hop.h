// Drives one hop through core's hop machine: resolve, connect, handshake, host key, log-in, ready.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <tunneld/host_key.h>
#include <tunneld/profile.h>
#include <tunneld/state.h>

#include "core/hop_machine.h"
#include "loop/connector.h"
#include "loop/loop.h"
#include "loop/resolver.h"
#include "loop/timer.h"
#include "ssh/channel_transport.h"
#include "ssh/liveness.h"
#include "ssh/login.h"
#include "ssh/session.h"

namespace tunneld::ssh {

class Hop;

// One line of progress, as `up` shows it.
struct HopProgress {
  enum class State { started, ok, failed } state = State::started;
  // "connecting", "opening_channel", "handshaking", "verifying_host_key", "authenticating"; "sharing" (shared_hop.h)
  const char* step = "";
  std::string text;        // "Opening channel to 10.0.5.12:22"
  std::string detail;      // "18 ms", "known"
  std::uint64_t elapsed_ms = 0;
};

// The steps that were told so far, each in its last words: for whoever comes later.
class HopSteps {
 public:
  void note(const HopProgress& progress);
  const std::vector<HopProgress>& all() const { return steps_; }

 private:
  std::vector<HopProgress> steps_;
};

class HopObserver {
 public:
  virtual ~HopObserver() = default;
  virtual void hop_progress(Hop& hop, const HopProgress& progress) = 0;
  virtual void hop_state_changed(Hop& hop, HopState from, const char* reason) = 0;
  // Asks a person; the answer comes by Hop::answer(). False when nobody can be asked.
  virtual bool hop_asks(Hop& hop, const std::string& text, const HostKey& key) = 0;
  virtual void hop_ready(Hop& hop) = 0;
  // It will not become ready, or is ready no more: hop.error() says why.
  virtual void hop_failed(Hop& hop) = 0;
  // Nothing was heard of it for its limit. It may be a hop before it that is gone: the chain finds out.
  virtual void hop_silent(Hop& hop) = 0;
};

struct HopSetting {
  std::string home;               // for ~/.ssh and for naming files
  std::vector<std::string> path;  // path_component() of the hops before
};

class Hop : private SessionObserver, private TransportOwner {
 public:
  // The host's identity_agent says all about the agent: "" or "none" is no agent.
  Hop(loop::Loop& loop, const Host& host, HopSetting setting, HostKeyStore& keys, HopObserver& observer);
  ~Hop() override;

  // `previous`: the hop before, ready; null for the first.
  void start(Hop* previous);
  // Ends it; the observer hears of the change of state, and nothing else.
  void stop();
  // The person's answer: accept the host key with this fingerprint or not.
  void answer(const std::string& fingerprint, bool accept);
  void give_up(Error error);
  // Whoever was asked about the host key is gone: puts the question to the observer again, if it is still open.
  void ask_again();

  const Host& host() const { return host_; }
  HopState state() const { return state_; }
  const Error& error() const { return error_; }
  // Never used again while the process lives; 0 until there is a session.
  std::uint64_t session_number() const { return session_number_; }
  Session* session() { return session_.get(); }
  const Session* session() const { return session_.get(); }
  // Whoever logs in there again would bother a person.
  bool login_needs_person() const { return needed_person_; }
  // Its host key has not been revoked, or replaced by another in the files, since it was verified.
  bool still_trusted() const;
  const Liveness* liveness() const { return liveness_.get(); }
  void probe() {
    if (liveness_) liveness_->probe();
  }
  std::uint64_t shortest_rtt_us() const { return session_ ? session_->shortest_rtt_us() : 0; }  // 0 when not known
  // path_component() of the hops before it and its own: the way to what lies behind.
  std::vector<std::string> path_behind() const;
  const std::string& address() const { return address_; }  // "192.0.2.1:22" of the first hop; else "host:port"

 private:
  void session_handshaken(const HostKey& key) override;
  void session_authenticated(int result) override;
  void session_ended(SessionEnd end, const std::string& text) override;
  void transport_opened() override;
  void transport_refused(std::uint32_t reason, const std::string& text) override;
  void transport_over() override;

  void event(HopEvent event);
  void perform(HopAction action);
  void ask();
  void arm_deadline();
  void resolve();
  void connect();
  void connect_tcp();
  void open_channel();
  void handshake();
  void verify_host_key();
  void accept_host_key(bool record, const char* detail);
  void handle_unknown_key(const HostKeyVerdict& verdict);
  void authenticate();
  void tear_down();
  std::string how_lost(const std::string& text) const;
  void fail_with(Error error);
  std::string verifying_text() const;
  void step_started(const char* step, std::string text);
  void step_ended(HopProgress::State state, std::string detail);

  loop::Loop& loop_;
  const Host host_;
  const HopSetting setting_;
  HostKeyStore& keys_;
  HopObserver& observer_;
  Hop* previous_ = nullptr;
  HopState state_ = HopState::idle;
  Error error_;
  HopProgress progress_;
  std::uint64_t step_began_ms_ = 0;
  loop::Timer deadline_;
  std::uint64_t generation_ = 0;  // of the attempt: what was begun for an earlier one is dropped

  std::unique_ptr<loop::Resolve> resolve_;
  std::vector<loop::SocketAddress> addresses_;
  std::unique_ptr<loop::Connector> connector_;
  std::unique_ptr<Transport> transport_;  // until the session has it
  std::string address_;
  std::unique_ptr<Session> session_;
  std::uint64_t session_number_ = 0;
  HostKey key_;
  std::string key_problem_;  // a known_hosts file that cannot be used
  std::unique_ptr<Login> login_;  // until it has let us in: it holds keys, and connections to the agent
  bool needed_person_ = false;
  std::unique_ptr<Liveness> liveness_;
  std::shared_ptr<Hop*> self_;        // null inside when this is gone; for work off the loop
};

}  // namespace tunneld::ssh
