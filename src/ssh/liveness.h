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
  std::uint64_t limit_ms() const { return limit_ms_; }

 private:
  void check();

  loop::Loop& loop_;
  Session& session_;
  std::function<void()> silent_;
  std::uint64_t period_ms_ = 0;
  std::uint64_t limit_ms_ = 0;
  loop::Timer timer_;
};

}  // namespace tunneld::ssh
