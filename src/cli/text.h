// Text for people: durations, sizes, times, tables. Pure functions.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tunneld::cli {

using Milliseconds = std::chrono::milliseconds;
using WallTime = std::chrono::sys_time<Milliseconds>;

// "41 ms", "3 s", "2 min 5 s", "2 h 5 min", "3 d 4 h": at most two units. Negative counts as 0.
std::string duration_text(Milliseconds duration);
// "512 B", "1.0 KiB", "4.2 GiB".
std::string bytes_text(std::int64_t bytes);
// "1 client", "2 clients".
std::string count_text(std::int64_t count, std::string_view singular);

// "2026-11-23T06:00:00Z", with or without a fraction of a second. UTC only.
std::optional<WallTime> parse_time(std::string_view text);

// Columns as wide as their widest cell, two spaces apart, no spaces at a line's end. The first row is the
// header. A row of one cell stands as it is and counts for no column.
std::string table_text(const std::vector<std::vector<std::string>>& rows);

// Columns of a UTF-8 text on a terminal, every character counted as one.
std::size_t display_width(std::string_view text);
// The first `columns` characters of it.
std::string cut_to_width(std::string_view text, std::size_t columns);

std::string join(const std::vector<std::string>& parts, std::string_view separator);

// The path relative to `cwd` when it is below it, else with ~ for `home`, else as it is.
std::string short_path(const std::string& path, const std::string& cwd, const std::string& home);

enum class Color { red, green, yellow, dim };
// The text in that colour, or as it is when `enabled` is false or it is empty.
std::string colored(std::string_view text, Color color, bool enabled);

}  // namespace tunneld::cli
