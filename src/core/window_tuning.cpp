#include "core/window_tuning.h"

#include <algorithm>

namespace tunneld {

std::uint32_t tuned_window(const WindowSample& sample) {
  if (sample.stalled) return std::max(sample.window / 2, kDefaultWindow);
  // A window that limits the speed comes in once a round trip, in bursts: half of it in anything up to a round trip and
  // a little. Where it takes longer the link is the limit.
  if (sample.rtt_us < kShortRttUs || 2 * sample.elapsed_us > 3 * sample.rtt_us) return sample.window;
  const std::uint32_t step = std::min({sample.window, kMaxWindow - sample.window, sample.spare});
  return sample.window + step;
}

}  // namespace tunneld
