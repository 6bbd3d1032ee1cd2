// One accepted connection: held while the chain is down, then relayed through a channel of the target's session.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <tunneld/profile.h>

#include "forward/listener.h"
#include "loop/loop.h"
#include "loop/poller.h"
#include "loop/timer.h"
#include "ssh/relay.h"

namespace tunneld::forward {

class Client;

class ClientOwner {
 public:
  virtual ~ClientOwner() = default;
  // The session has ended before the target had it: it is to be held again.
  virtual void client_unserved(Client& client) = 0;
  // hold_timeout has passed: the client was reset.
  virtual void client_held_too_long(Client& client) = 0;
  // The target did not take the connection (RFC 4254 section 5.1): the client was reset.
  virtual void client_refused(Client& client, std::uint32_t reason, const std::string& text) = 0;
  // It is over, and may be retired. Also follows the two above.
  virtual void client_ended(Client& client) = 0;
};

class Client : private ssh::RelayOwner {
 public:
  Client(loop::Loop& loop, Accepted accepted, ClientOwner& owner);
  ~Client() override;

  // Waits for serve(), `hold_ms` at most.
  void hold(std::uint64_t hold_ms);
  void serve(ssh::Session& session, const Endpoint& target);
  // Ends it now, without a word to the owner.
  void reset();

  // From the session that it waits for, if the server has not answered yet: it is held again. False otherwise.
  bool leave_session();
  // The same, for a session that may still answer: only once, as the next one may be as slow.
  void move() { moved_ = leave_session(); }
  bool waits_in(const ssh::Session& session) const {
    return !moved_ && relay_ && relay_->session() == &session && relay_->unanswered();
  }
  // All that is left to do for it is to deliver what the target has sent.
  bool needs_no_session() const { return relay_ && relay_->needs_no_session(); }

  bool held() const { return state_ == State::held; }
  // "127.0.0.1:41234"
  std::string peer() const;
  // For asking the kernel whose it is; do not read or write. When it has just ended, and the news is under way from another
  // thread, the number may be another's.
  int fd() const { return fd_; }
  std::uint64_t bytes_in() const { return relay_ ? relay_->bytes_up() : 0; }     // from it to the target
  std::uint64_t bytes_out() const { return relay_ ? relay_->bytes_down() : 0; }  // from the target to it

 private:
  enum class State { held, relayed, over };
  void relay_unserved(UniqueFd local) override;
  void relay_refused(std::uint32_t reason, const std::string& text) override;
  void relay_over() override;
  void on_held_error();
  void end();
  void close_held(bool reset);

  loop::Loop& loop_;
  ClientOwner& owner_;
  Accepted accepted_;
  int fd_;
  State state_ = State::held;
  bool moved_ = false;
  std::unique_ptr<loop::Poller> poller_;  // while held: whether the client is still there
  loop::Timer hold_;
  std::unique_ptr<ssh::Relay> relay_;
};

}  // namespace tunneld::forward
