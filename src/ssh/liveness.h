// Watches whether a session is still heard of (ssh_config(5), ServerAliveInterval and ServerAliveCountMax).
#pragma once

#include <cstdint>
#include <functional>

#include <tunneld/profile.h>

#include "loop/timer.h"
#include "ssh/session.h"

namespace tunneld::ssh {

// Pings after each interval without a sign of life; after interval x count without one it calls `silent`, once.
class Liveness {
 public:
  Liveness(loop::Loop& loop, Session& session, const Host& host, std::function<void()> silent);
  std::uint64_t silent_ms() const;
  // There is reason to doubt that the other side still knows of this session. It has kProbeMs to show it, if that is
  // less than it has anyway: time enough for a network that comes back as well.
  void probe();
  // For who retires it: its time may come before it is destroyed.
  void stop() { timer_.stop(); }

 private:
  void check();
  void look_in(std::uint64_t ms);

  loop::Loop& loop_;
  Session& session_;
  std::function<void()> silent_;
  std::uint64_t period_ms_ = 0;
  std::uint64_t limit_ms_ = 0;
  std::uint64_t probed_at_ms_ = 0;  // 0: it is not probed
  std::uint64_t due_ms_ = 0;        // of the next look
  std::uint64_t excused_at_ms_ = 0;  // silence before is our own fault
  loop::Timer timer_;
};

}  // namespace tunneld::ssh
