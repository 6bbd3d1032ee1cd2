// Durations as profiles and options write them: "500ms", "15s", "2m", "1h30m", "never".
#pragma once

#include <tunneld/profile.h>

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/result.h"

namespace tunneld {

// A year, which leaves every sum of durations far from overflow.
constexpr Milliseconds kLongestDuration{std::int64_t{366} * 24 * 3'600'000};

// Whole numbers with the units h, m, s, ms, each at most once and in this order; kLongestDuration at most. "never" is
// no value. Errors (code profile_invalid) carry message and fix.
Result<std::optional<Milliseconds>> parse_duration(std::string_view text);

}  // namespace tunneld
