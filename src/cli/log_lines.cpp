#include "cli/log_lines.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "core/sanitize.h"

namespace tunneld::cli {

LogLine parse_log_line(std::string_view line) {
  const std::size_t after_time = line.find(' ');
  const std::size_t after_level =
      after_time == std::string_view::npos ? after_time : line.find(' ', after_time + 1);
  const std::size_t open = after_level == std::string_view::npos ? after_level : after_level + 1;
  const std::size_t close = open == std::string_view::npos ? open : line.find(']', open);
  if (close == std::string_view::npos || line[open] != '[' || !parse_time(line.substr(0, after_time)))
    return {.time = {}, .level = {}, .profile = {}, .text = std::string(line)};
  LogLine parsed{.time = std::string(line.substr(0, after_time)),
                 .level = std::string(line.substr(after_time + 1, after_level - after_time - 1)),
                 .profile = std::string(line.substr(open + 1, close - open - 1)),
                 .text = std::string(line.substr(std::min(close + 2, line.size())))};
  if (parsed.profile == "-") parsed.profile.clear();
  return parsed;
}

bool LogFilter::wants(const LogLine& line) {
  if (line.time.empty()) return previous_;
  previous_ = (profile_.empty() || line.profile == profile_) && line.time >= since_;
  return previous_;
}

std::string log_time(WallTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     clock.subseconds().count());
}

std::string log_line_text(const LogLine& line, bool color) {
  const std::string text = sanitize(line.text);
  if (line.time.empty()) return text + "\n";
  const std::string level = sanitize(line.level);
  const bool bad = level == "error" || level == "critical";
  const std::string shown = bad                                     ? colored(level, Color::red, color)
                            : level == "warning" || level == "warn" ? colored(level, Color::yellow, color)
                                                                    : level;
  return line.time + " " + shown + " [" + (line.profile.empty() ? "-" : sanitize(line.profile)) + "] " +
         text + "\n";
}

control::Json log_line_json(const LogLine& line) {
  const auto or_null = [](const std::string& text) {
    return text.empty() ? control::Json() : control::Json(text);
  };
  return {{"time", or_null(line.time)},
          {"level", or_null(line.level)},
          {"profile", or_null(line.profile)},
          {"text", line.text}};
}

LogReader::~LogReader() {
  if (fd_ >= 0) ::close(fd_);
}

std::vector<std::string> LogReader::read_new() {
  std::vector<std::string> lines;
  if (fd_ >= 0) {
    // Asked before reading: what is written between the two is still in the file that is open.
    const bool replaced = file_was_replaced();
    read_open_file(lines);
    if (!replaced) return lines;
    ::close(fd_);
    partial_.clear();
  }
  fd_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd_ >= 0) read_open_file(lines);
  return lines;
}

void LogReader::read_open_file(std::vector<std::string>& lines) {
  struct stat status {};
  if (::fstat(fd_, &status) == 0 && status.st_size < ::lseek(fd_, 0, SEEK_CUR)) {  // truncated in place
    ::lseek(fd_, 0, SEEK_SET);
    partial_.clear();
  }
  std::array<char, 65'536> buffer;
  for (ssize_t count; (count = ::read(fd_, buffer.data(), buffer.size())) > 0;) {
    partial_.append(buffer.data(), static_cast<std::size_t>(count));
    std::size_t start = 0;
    for (std::size_t end; (end = partial_.find('\n', start)) != std::string::npos; start = end + 1)
      lines.push_back(partial_.substr(start, end - start));
    partial_.erase(0, start);
  }
}

bool LogReader::file_was_replaced() const {
  struct stat ours {};
  struct stat named {};
  if (::fstat(fd_, &ours) != 0 || ::stat(path_.c_str(), &named) != 0) return false;
  return ours.st_ino != named.st_ino || ours.st_dev != named.st_dev;
}

std::string rotated_log(const std::string& path) {
  const std::size_t dot = path.rfind('.');
  return path.substr(0, dot) + ".1" + (dot == std::string::npos ? "" : path.substr(dot));
}

}  // namespace tunneld::cli
