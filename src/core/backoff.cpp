#include "core/backoff.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace tunneld {

Backoff::Backoff(const Reconnect& reconnect, std::function<double()> random_unit)
    : reconnect_(reconnect), random_unit_(std::move(random_unit)) {}

Milliseconds Backoff::next_delay() {
  constexpr int kMaxDoublings = 63;  // no positive delay has more bits, so the cap is reached by then
  const int doublings = std::min(failures_, kMaxDoublings);
  if (failures_ < std::numeric_limits<int>::max()) ++failures_;
  const auto limit = std::max<long long>(reconnect_.max_delay.count(), 1);
  const auto initial = std::max<long long>(reconnect_.initial_delay.count(), 1);
  const long long ceiling = initial > (limit >> doublings) ? limit : initial << doublings;
  // What is taken away is rounded down: a delay never falls below half of its ceiling, and is never nothing.
  const long long half = ceiling / 2;
  const double taken = static_cast<double>(half) * (1.0 - random_unit_());
  return Milliseconds(ceiling - std::min(static_cast<long long>(taken), half));
}

}  // namespace tunneld
