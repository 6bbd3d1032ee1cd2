#include "core/duration.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <string>

namespace tunneld {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t milliseconds;
};
constexpr std::array<Unit, 4> kUnits{{{"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};
constexpr std::int64_t kLongestMs = kLongestDuration.count();

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

}  // namespace

Result<std::optional<Milliseconds>> parse_duration(std::string_view text) {
  const std::string fix = "write it like 500ms, 15s, 2m, 1h30m or never";
  if (text == "never") return std::nullopt;
  if (text.empty() || !is_digit(text.front())) return refuse("this is not a duration", fix);
  std::int64_t total_ms = 0;
  std::size_t next_unit = 0;  // units only get smaller
  while (!text.empty()) {
    std::int64_t count = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (failure == std::errc::result_out_of_range) return refuse("a duration is at most a year", fix);
    if (failure != std::errc{} || count < 0) return refuse("this is not a duration", fix);
    const auto digits = static_cast<std::size_t>(end - text.data());
    if (digits > 1 && text.front() == '0') return refuse("a number does not begin with 0", fix);
    text.remove_prefix(digits);
    const std::string_view name = text.substr(0, std::min(text.find_first_of("0123456789"), text.size()));
    if (name.empty())
      return refuse("a duration needs a unit", "write " + std::to_string(count) + "s for seconds");
    while (next_unit < kUnits.size() && kUnits[next_unit].name != name) ++next_unit;
    if (next_unit == kUnits.size()) return refuse("this is not a duration", fix);
    const Unit& unit = kUnits[next_unit++];
    if (count > kLongestMs / unit.milliseconds) return refuse("a duration is at most a year", fix);
    total_ms += count * unit.milliseconds;
    text.remove_prefix(name.size());
  }
  if (total_ms > kLongestMs) return refuse("a duration is at most a year", fix);
  return Milliseconds(total_ms);
}

}  // namespace tunneld
