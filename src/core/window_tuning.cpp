#include "core/window_tuning.h"

#include <algorithm>

namespace tunneld {
namespace {

constexpr std::uint32_t kFactor = 4;

}  // namespace

bool slumped(std::uint64_t piece_us, std::uint64_t rtt_us) {
  return piece_us > kHiccupUs && 4 * piece_us > 5 * rtt_us;
}

void WindowTuner::step(const WindowSample& sample) {
  if (sample.stalled) return shrink();
  if (window_before_ != 0) {
    // The first window's worth after a change was still sent under the old one.
    if (!in_force_) {
      in_force_ = true;
      return;
    }
    end_try(sample);
  }
  // A window that limits the speed comes in once a round trip, or a little slower. Where it takes longer the link is the
  // limit.
  const bool limits = sample.rtt_us >= kShortRttUs && 2 * sample.elapsed_us <= 3 * sample.rtt_us;
  if (!limits || sample.now_us < wait_until_us_) return;
  const std::uint64_t wanted = std::min<std::uint64_t>({std::uint64_t{window_} * kFactor, kMaxWindow,
                                                        std::uint64_t{window_} + sample.spare});
  if (wanted <= window_) return;
  window_before_ = window_;
  elapsed_before_us_ = sample.elapsed_us;
  in_force_ = false;
  window_ = static_cast<std::uint32_t>(wanted);
}

void WindowTuner::shrink() {
  window_ = std::max(window_ / 2, kDefaultWindow);
  window_before_ = 0;
  wait_until_us_ = 0;  // what did not pay was a larger one
}

void WindowTuner::end_try(const WindowSample& sample) {
  if (paid(sample.elapsed_us)) {
    const std::uint64_t elapsed_us = std::max<std::uint64_t>(sample.elapsed_us, 1);
    const std::uint64_t held_twice = 2 * std::uint64_t{window_} * sample.rtt_us / elapsed_us;
    window_ = static_cast<std::uint32_t>(std::clamp<std::uint64_t>(held_twice, kDefaultWindow, window_));
    wait_us_ = kRetryAfterUs;
  } else {
    window_ = window_before_;
    wait_until_us_ = sample.now_us + wait_us_;
    wait_us_ = std::min(2 * wait_us_, kLongestWaitUs);
  }
  window_before_ = 0;
}

// Faster: more bytes in their time than the smaller window in its.
bool WindowTuner::paid(std::uint64_t elapsed_us) const {
  const std::uint64_t before = std::uint64_t{window_before_} * std::max<std::uint64_t>(elapsed_us, 1);
  const std::uint64_t now = std::uint64_t{window_} * std::max<std::uint64_t>(elapsed_before_us_, 1);
  return now * 100 >= before * kPaysPercent;
}

}  // namespace tunneld
