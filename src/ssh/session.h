// One SSH connection to one hop (RFC 4253, 4252, 4254), driven without ever blocking the loop.
//
// How libssh is driven: one ssh_event a session; callbacks only move bytes and set flags; everything else
// happens in settle(), after the pump has returned. Whoever calls into a session or one of its channels holds
// a Session::Use, whose end settles. libssh reads in the pump only, and sends when the loop's callback has
// returned: what several callers have written then leaves in one piece.
#pragma once

#include <libssh/libssh.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <tunneld/host_key.h>
#include <tunneld/profile.h>

#include "core/nudge_policy.h"
#include "loop/loop.h"
#include "loop/timer.h"
#include "ssh/channel.h"
#include "ssh/library.h"
#include "ssh/session_core.h"

namespace tunneld::ssh {

enum class SessionEnd {
  handshake,       // before the host key was seen
  authentication,  // the session ended while we logged in
  lost,            // it was ready
};

class SessionObserver {
 public:
  virtual ~SessionObserver() = default;
  virtual void session_handshaken(const HostKey& key) = 0;
  // `result` is libssh's SSH_AUTH_*: SUCCESS, DENIED (every attempt is used up) or ERROR.
  virtual void session_authenticated(int result) = 0;
  // The session is over; it may be retired, not destroyed, from here. `text` is libssh's last error.
  virtual void session_ended(SessionEnd end, const std::string& text) = 0;
};

// What logs in: called again and again, by the same session, until it answers something other than SSH_AUTH_AGAIN.
class LoginSteps {
 public:
  virtual ~LoginSteps() = default;
  virtual int step(ssh_session session) = 0;
};

class Session {
 public:
  // `transport` is connected. An error means that libssh could not be set up with these options.
  static Result<std::unique_ptr<Session>> open(loop::Loop& loop, std::unique_ptr<Transport> transport,
                                               const SessionOptions& options, SessionObserver& observer);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Begins the log-in that ends in session_authenticated(). Only after session_handshaken().
  void authenticate(LoginSteps& steps);
  // Takes the session off the loop while a worker drives it, and back on. Null when it is over meanwhile.
  // The log-in goes on once the server has said something, or at once with `go_on`.
  std::shared_ptr<SessionCore> lend();
  void take_back(bool go_on);

  // As the end of a Use, but from the loop.
  void settle_soon();

  class Use;
  // A direct-tcpip or direct-streamlocal channel. Only when ready. The channel belongs to the session; `user` hears of
  // it until it calls Channel::release() or has been told channel_lost(). Null when libssh cannot make one.
  // The answer may be here before this returns. `user` is told when the caller's Use ends, and has the channel by then.
  Channel* open_channel(const Use& use, const Endpoint& target, const std::string& origin_host,
                        std::uint16_t origin_port, ChannelUser& user);

  // Ends it now: users of its channels are told, DISCONNECT is sent, the transport closed. The observer hears nothing.
  void shut_down();
  loop::Loop& loop() const { return loop_; }
  bool ready() const { return phase_ == Phase::ready; }
  // What the other side sent first, up to 255 bytes: tells an SSH server from something else.
  const std::string& first_bytes() const { return first_bytes_; }

  // Asks the server for a sign of life (a global request that it must refuse). Nothing happens while one is under way.
  void ping();
  std::uint64_t last_heard_ms() const { return last_heard_ms_; }
  std::uint64_t silent_ms() const;
  // The same, if nothing was heard for a while.
  void ping_if_quiet();
  // A ping has been without an answer, or anything else, for so long that this is no hiccup. It may come back.
  bool stalled() const;
  std::uint64_t pinged_at_ms() const { return ping_sent_us_ / 1000; }  // the last time
  // The shortest of its pings and of the openings of its channels, which may have waited behind a bulk stream or for
  // a target far away; 0 when there was none.
  std::uint64_t shortest_rtt_us() const { return shortest_rtt_us_; }

  // How many bytes more may be handed to libssh for sending: its output buffer has no limit of its own.
  std::size_t send_room();
  // In a callback of libssh: it has more to read in this turn.
  bool more_to_read() const { return core_->transport->readable(); }
  // Those that somebody uses. A server may take its time to close another: sshd waits for its target to take all in.
  std::size_t channel_count() const { return channels_.size() - released_count_; }
  // One of its channels, or of those of a session inside, is a bulk stream (core/bulk_meter.h).
  bool carries_bulk() const { return loop_.now_ms() < bulk_until_ms_; }
  std::uint64_t bulk_ms() const { return carries_bulk() ? loop_.now_ms() - bulk_since_ms_ : 0; }  // so long without a break
  void note_bulk_until(std::uint64_t at_ms);  // 0: no more
  // What has just come was for a session inside, which takes care of the acknowledgements itself.
  void leave_nudge_to_inner() { inner_nudges_ = true; }
  ssh_session raw() { return core_ ? core_->session : nullptr; }

  // Held by whoever calls into the session from outside its own pump.
  class Use {
   public:
    explicit Use(Session& session) : session_(session), listener_(session.on_refusal_) { ++session_.uses_; }
    ~Use() {
      if (--session_.uses_ == 0) session_.settle();
    }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

   private:
    Session& session_;
    // Any call may find a refusal among the packets that it reads on the way.
    RefusalListener listener_;
  };

 private:
  friend class Channel;
  enum class Phase { handshaking, waiting, authenticating, lent, ready, over };

  Session(loop::Loop& loop, SessionObserver& observer, bool nested);
  void on_transport();
  void pump_handshake();
  void pump_login();
  void pump_channels();
  void flush();
  void settle();
  void settle_channels();
  void settle_openings();
  void look_for_refusal(Channel& channel);
  void settle_news(Channel& channel);
  void settle_writers();
  void settle_windows();
  void settle_ping();
  void ping_when_quiet();
  void note_round_trip(std::uint64_t begun_us);
  bool is_dead() const;
  bool end_if_dead();
  bool sending_pending() const;
  void ask_for_sending();
  void ask_for_reading();
  void become_ready();
  void consider_nudge(std::uint64_t got);
  void nudge();
  void note_refusal(std::uint32_t number, std::uint32_t reason, const std::string& text);
  void drop(Channel& channel);
  void lose_channels();

  loop::Loop& loop_;
  SessionObserver& observer_;
  const bool nested_;
  Phase phase_ = Phase::handshaking;
  std::shared_ptr<SessionCore> core_;
  LoginSteps* login_ = nullptr;
  bool failed_ = false;
  std::string first_bytes_;
  RefusalListener::Callback on_refusal_;
  int uses_ = 0;
  bool settling_soon_ = false;
  bool reading_soon_ = false;
  bool flush_failed_ = false;  // libssh did not send though it could: only news can change that
  std::shared_ptr<Session*> self_;  // null inside when this is gone
  loop::Timer nudge_;
  loop::Timer first_ping_;

  std::vector<std::unique_ptr<Channel>> channels_;
  std::size_t released_count_ = 0;  // of them
  std::vector<Channel*> flagged_;  // news to be told
  std::vector<Channel*> opening_;
  std::vector<Channel*> writers_;  // want to hear when they may write
  std::vector<Channel*> tuning_;   // have taken in enough for their window to be opened again
  std::uint32_t last_channel_number_;

  SendLedger ledger_;
  std::uint64_t packets_heard_ = 0;
  std::uint64_t last_heard_ms_ = 0;
  std::uint64_t ready_at_ms_ = 0;
  bool pinging_ = false;
  bool ping_again_ = false;
  std::uint64_t ping_packets_ = 0;
  std::uint64_t ping_sent_us_ = 0;
  std::uint64_t shortest_rtt_us_ = 0;  // 0: none yet
  std::uint64_t bulk_since_ms_ = 0;
  std::uint64_t bulk_until_ms_ = 0;
  bool inner_nudges_ = false;
  NudgePolicy nudge_policy_;
};

}  // namespace tunneld::ssh
