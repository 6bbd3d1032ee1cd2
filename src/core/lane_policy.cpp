#include "core/lane_policy.h"

#include <algorithm>
#include <tuple>

namespace tunneld {

namespace {

bool is_opening(const Lane& lane) {
  return lane.state == LaneState::opening;
}

bool is_quiet_below(const Lane& lane, std::size_t channels) {
  return !lane.stalled && !lane.carries_bulk && lane.channels < channels;
}

// The less the better, the lower number among equals. Uncrowded quiet lanes are equal, so they fill in order.
std::tuple<bool, bool, std::size_t> load(const Lane& lane, const LaneLimits& limits) {
  return {lane.stalled, lane.carries_bulk, is_quiet_below(lane, limits.crowded_at()) ? 0 : lane.channels};
}

std::optional<std::size_t> best_lane(const std::vector<Lane>& lanes, const LaneLimits& limits) {
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    if (is_opening(lanes[i])) continue;
    if (!best || load(lanes[i], limits) < load(lanes[*best], limits)) best = i;
  }
  return best;
}

}  // namespace

bool may_open_lane(bool login_needs_person, std::optional<std::uint64_t> since_failure_ms) {
  return !login_needs_person && (!since_failure_ms || *since_failure_ms >= kLaneRetryAfterMs);
}

LaneChoice choose_lane(const std::vector<Lane>& lanes, const LaneLimits& limits, const LaneAsk& ask) {
  const std::optional<std::size_t> best = best_lane(lanes, limits);
  if (!best) return {};
  const Lane& lane = lanes[*best];
  const bool opening = std::any_of(lanes.begin(), lanes.end(), is_opening);
  const bool open = ask.may_open && !opening && lanes.size() < limits.max_lanes &&
                    !is_quiet_below(lane, limits.crowded_at());
  const bool worth_waiting = !lane.stalled && !is_quiet_below(lane, limits.channels_per_lane);
  if (worth_waiting && ask.may_wait && (opening || open)) return {std::nullopt, open};
  return {best, open};
}

std::optional<std::size_t> quiet_lane(const std::vector<Lane>& lanes, const LaneLimits& limits) {
  const std::optional<std::size_t> best = best_lane(lanes, limits);
  return best && is_quiet_below(lanes[*best], limits.crowded_at()) ? best : std::nullopt;
}

std::vector<std::size_t> lanes_to_close(const std::vector<Lane>& lanes, const LaneLimits& limits) {
  std::vector<std::size_t> idle;
  const std::optional<std::size_t> next = quiet_lane(lanes, limits);
  for (std::size_t i = 1; i < lanes.size(); ++i) {
    const Lane& lane = lanes[i];
    if (i != next && !is_opening(lane) && lane.channels == 0 && lane.idle_ms >= limits.close_idle_after_ms)
      idle.push_back(i);
  }
  return idle;
}

ParallelFrom parallel_from(const std::vector<bool>& hop_carries_bulk, bool stalled) {
  if (stalled) return ParallelFrom::first_hop;
  if (hop_carries_bulk.empty()) return ParallelFrom::last_hop;
  const bool shared_hop_does = std::any_of(hop_carries_bulk.begin(), hop_carries_bulk.end() - 1,
                                           [](bool carries_bulk) { return carries_bulk; });
  return shared_hop_does ? ParallelFrom::first_hop : ParallelFrom::last_hop;
}

}  // namespace tunneld
