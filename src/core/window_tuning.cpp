#include "core/window_tuning.h"

#include <algorithm>

namespace tunneld {

void WindowTuner::step(const WindowSample& sample) {
  round_bytes_ += sample.taken;
  const std::uint64_t elapsed_us = sample.now_us - round_began_us_;
  const std::uint64_t at_least_us = std::max({elapsed_us, sample.rtt_us, std::uint64_t{1}});
  rounds_[round_] = round_bytes_ * sample.rtt_us / at_least_us;
  const std::uint64_t held = *std::max_element(rounds_.begin(), rounds_.end());
  const std::uint64_t wanted =
      sample.rtt_us < kShortRttUs ? kDefaultWindow : std::max<std::uint64_t>(kFarWindow, held + held / 2);
  const std::uint64_t allowed =
      std::min<std::uint64_t>(kMaxWindow, std::uint64_t{std::max(window_, kFarWindow)} + sample.spare);
  window_ = static_cast<std::uint32_t>(std::min(wanted, allowed));
  if (elapsed_us < sample.rtt_us) return;
  round_ = (round_ + 1) % rounds_.size();
  round_began_us_ = sample.now_us;
  round_bytes_ = 0;
}

}  // namespace tunneld
