// Tells when the machine has slept: a laptop whose lid was closed.
#pragma once

#include <cstdint>
#include <functional>

#include "loop/timer.h"

namespace tunneld::loop {

// Calls `resumed` within kLookMs after a sleep of a second or more. CLOCK_BOOTTIME goes on while the machine sleeps,
// CLOCK_MONOTONIC does not (clock_gettime(2)).
class SuspendWatch {
 public:
  static constexpr std::uint64_t kLookMs = 5'000;

  SuspendWatch(Loop& loop, std::function<void()> resumed);

 private:
  void look();

  std::function<void()> resumed_;
  std::int64_t slept_ms_;  // since the machine was started
  Timer timer_;
};

}  // namespace tunneld::loop
