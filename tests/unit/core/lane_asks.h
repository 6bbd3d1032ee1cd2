// What the tests of the lane policy ask of it, and the limits that it has.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/lane_policy.h"

namespace tunneld {

constexpr std::size_t kFull = LaneLimits{}.channels_per_lane;
constexpr std::uint64_t kMinuteMs = 60'000;

constexpr LaneAsk kAsk;
constexpr LaneAsk kMayNotOpen{false, true};
constexpr LaneAsk kMayNotWait{true, false};

}  // namespace tunneld
