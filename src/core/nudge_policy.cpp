#include "core/nudge_policy.h"

#include <algorithm>

namespace tunneld {

void NudgePolicy::heard(std::uint64_t now_us, std::uint64_t bytes, std::uint64_t packets) {
  heard_at_us_ = now_us;
  packets_ = packets;
  bytes_ += bytes;
}

std::optional<std::uint64_t> NudgePolicy::due_in_us(std::uint64_t now_us, std::uint64_t packets,
                                                    std::uint64_t rtt_us) const {
  if (packets != packets_) return std::nullopt;
  std::uint64_t due_us = heard_at_us_ + kLullUs;
  if (bytes_ < kBytesANudge) due_us = std::max(due_us, nudged_at_us_ + std::min(rtt_us, kMostBetweenNudgesUs));
  return due_us > now_us ? due_us - now_us : 0;
}

void NudgePolicy::nudged(std::uint64_t now_us) {
  nudged_at_us_ = now_us;
  bytes_ = 0;
}

}  // namespace tunneld
