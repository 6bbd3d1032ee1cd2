#include "loop/suspend_watch.h"

#include <ctime>
#include <utility>

namespace tunneld::loop {
namespace {

constexpr std::int64_t kShortestSleepMs = 1'000;

std::int64_t read_ms(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return std::int64_t{time.tv_sec} * 1'000 + time.tv_nsec / 1'000'000;
}

std::int64_t slept_ms() { return read_ms(CLOCK_BOOTTIME) - read_ms(CLOCK_MONOTONIC); }

}  // namespace

SuspendWatch::SuspendWatch(Loop& loop, std::function<void()> resumed)
    : resumed_(std::move(resumed)), slept_ms_(slept_ms()), timer_(loop, [this] { look(); }) {
  timer_.start(kLookMs, kLookMs);
}

void SuspendWatch::look() {
  const std::int64_t now = slept_ms();
  if (now - std::exchange(slept_ms_, now) >= kShortestSleepMs) resumed_();
}

}  // namespace tunneld::loop
