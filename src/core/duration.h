// Durations as profiles and options write them: "500ms", "15s", "2m", "1h30m", "never".
#pragma once

#include <tunneld/profile.h>

#include <optional>
#include <string_view>

#include "core/result.h"

namespace tunneld {

// Whole numbers with the units h, m, s, ms, each at most once and in this order. "never" is no value. A year
// is the longest, which leaves every sum of durations far from overflow. Errors (code profile_invalid) carry
// message and fix.
Result<std::optional<Milliseconds>> parse_duration(std::string_view text);

}  // namespace tunneld
