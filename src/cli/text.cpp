#include "cli/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace tunneld::cli {
namespace {

using namespace std::chrono_literals;

struct Unit {
  std::string_view name;
  Milliseconds length;
};

bool is_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xc0U) == 0x80U;
}

// `text` in full as a decimal number.
std::optional<int> whole_number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::string duration_text(Milliseconds duration) {
  static constexpr std::array<Unit, 4> kUnits = {{{"d", 24h}, {"h", 1h}, {"min", 1min}, {"s", 1s}}};
  if (duration < 1s) return fmt::format("{} ms", std::max<Milliseconds>(duration, 0ms).count());
  for (std::size_t i = 0; i < kUnits.size(); ++i) {
    if (duration < kUnits[i].length) continue;
    std::string text = fmt::format("{} {}", duration / kUnits[i].length, kUnits[i].name);
    if (i + 1 < kUnits.size())
      if (const auto rest = duration % kUnits[i].length / kUnits[i + 1].length; rest > 0)
        text += fmt::format(" {} {}", rest, kUnits[i + 1].name);
    return text;
  }
  return "0 ms";
}

std::string bytes_text(std::int64_t bytes) {
  static constexpr std::array<std::string_view, 5> kUnits = {"KiB", "MiB", "GiB", "TiB", "PiB"};
  if (bytes < 1024) return fmt::format("{} B", bytes);
  auto value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  // 1023.95 would be printed as 1024.0: the next unit is meant.
  for (; value >= 1023.95 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string count_text(std::int64_t count, std::string_view singular) {
  return fmt::format("{} {}{}", count, singular, count == 1 ? "" : "s");
}

std::optional<WallTime> parse_time(std::string_view text) {
  constexpr std::string_view kShape = "0000-00-00T00:00:00";
  if (text.size() < kShape.size() + 1 || text.back() != 'Z') return std::nullopt;
  for (std::size_t i = 0; i < kShape.size(); ++i)
    if (kShape[i] == '0' ? text[i] < '0' || text[i] > '9' : text[i] != kShape[i]) return std::nullopt;
  const auto number = [&](std::size_t at, std::size_t length) {
    return whole_number(text.substr(at, length)).value_or(-1);
  };
  const std::chrono::year_month_day day(std::chrono::year(number(0, 4)),
                                        std::chrono::month(static_cast<unsigned>(number(5, 2))),
                                        std::chrono::day(static_cast<unsigned>(number(8, 2))));
  if (!day.ok()) return std::nullopt;
  std::string_view fraction = text.substr(kShape.size());
  fraction.remove_suffix(1);
  int millis = 0;
  if (!fraction.empty()) {
    if (fraction[0] != '.' || !whole_number(fraction.substr(1))) return std::nullopt;
    millis = whole_number((std::string(fraction.substr(1)) + "00").substr(0, 3)).value_or(0);
  }
  return std::chrono::sys_days(day) + std::chrono::hours(number(11, 2)) +
         std::chrono::minutes(number(14, 2)) + std::chrono::seconds(number(17, 2)) + Milliseconds(millis);
}

std::string table_text(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    if (row.size() == 1) continue;
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], display_width(row[i]));
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line += std::string(widths[i] - display_width(row[i]) + 2, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::size_t display_width(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return !is_continuation(c); }));
}

std::string cut_to_width(std::string_view text, std::size_t columns) {
  std::size_t end = 0;
  for (std::size_t seen = 0; end < text.size(); ++end)
    if (!is_continuation(text[end]) && ++seen > columns) break;
  return std::string(text.substr(0, end));
}

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
  return fmt::format("{}", fmt::join(parts, separator));
}

std::string short_path(const std::string& path, const std::string& cwd, const std::string& home) {
  if (cwd.size() > 1 && path.starts_with(cwd + "/")) return path.substr(cwd.size() + 1);
  if (home.size() > 1 && path.starts_with(home + "/")) return "~" + path.substr(home.size());
  return path;
}

std::string colored(std::string_view text, Color color, bool enabled) {
  if (!enabled || text.empty()) return std::string(text);
  const std::string_view code = color == Color::red      ? "31"
                                : color == Color::green  ? "32"
                                : color == Color::yellow ? "33"
                                                         : "2";
  return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
}

}  // namespace tunneld::cli
