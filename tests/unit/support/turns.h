// Running a loop in a test: until something has happened, with a deadline, and never for a fixed time.
#pragma once

#include <dirent.h>
#include <uv.h>

#include <cstdint>

#include "loop/loop.h"
#include "loop/timer.h"

namespace tunneld::testing {

inline constexpr std::uint64_t kDeadlineMs = 10'000;  // far above what any of these tests takes

inline constexpr std::uint64_t kLookMs = 5;  // how often a condition is looked at when nothing happens

// Turns the loop until `met()`; false when that does not come about.
template <typename Condition>
bool run_until(loop::Loop& loop, Condition met) {
  const std::uint64_t deadline = loop.precise_now_ms() + kDeadlineMs;
  loop::Timer look(loop, [] {});
  look.start(kLookMs, kLookMs);
  while (!met() && loop.precise_now_ms() < deadline) uv_run(loop.raw(), UV_RUN_ONCE);
  return met();
}

// Gives the loop `turns` turns without waiting: for what must not happen, however often it is looked for.
inline void turn(loop::Loop& loop, int turns = 20) {
  for (int i = 0; i < turns; ++i) uv_run(loop.raw(), UV_RUN_NOWAIT);
}

inline int open_descriptors() {
  int count = 0;
  DIR* folder = ::opendir("/proc/self/fd");
  while (::readdir(folder) != nullptr) ++count;
  ::closedir(folder);
  return count;
}

}  // namespace tunneld::testing
