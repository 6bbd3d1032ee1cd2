#include "core/backoff.h"

#include <algorithm>
#include <utility>

namespace tunneld {

Backoff::Backoff(const Reconnect& reconnect, std::function<double()> random_unit)
    : reconnect_(reconnect), random_unit_(std::move(random_unit)) {}

Milliseconds Backoff::next_delay() {
  constexpr int kMaxDoublings = 30;  // keeps the shift within 64 bits for any delay that a profile can name
  const int doublings = std::min(failures_, kMaxDoublings);
  ++failures_;
  const auto limit = std::max<long long>(reconnect_.max_delay.count(), 1);
  const auto initial = std::max<long long>(reconnect_.initial_delay.count(), 1);
  const long long ceiling = initial > (limit >> doublings) ? limit : initial << doublings;
  const double jitter = 0.5 + 0.5 * random_unit_();
  return Milliseconds(static_cast<long long>(static_cast<double>(ceiling) * jitter));
}

}  // namespace tunneld
