// The daemon's log, line by line: "2026-11-23T06:00:00.123Z info [prod-db] text"; "[-]" concerns no profile.
// Pure, apart from LogReader.
#pragma once

#include <sys/types.h>

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/text.h"
#include "core/control/json.h"

namespace tunneld::cli {

struct LogLine {
  std::string time;  // as written; empty for a line that is not of this form (a continuation)
  std::string level;
  std::string profile;  // empty: concerns none
  std::string text;
};

LogLine parse_log_line(std::string_view line);

// Which lines are wanted. A line that is not of the log's form goes where the line before it went.
class LogFilter {
 public:
  // Empty `profile`: of all. `since` as the log writes times, compared as text; empty: from the beginning.
  LogFilter(std::string profile, std::string since)
      : profile_(std::move(profile)), since_(std::move(since)) {}
  bool wants(const LogLine& line);

 private:
  std::string profile_;
  std::string since_;
  bool previous_ = false;
};

// The log's form of a time, in milliseconds and UTC.
std::string log_time(WallTime time);

// The line as it stands, its level coloured. Ended by '\n', free of control characters.
std::string log_line_text(const LogLine& line, bool color);
// {"time", "level", "profile", "text"}; null for what the line does not have.
control::Json log_line_json(const LogLine& line);

// Reads a file that grows and is renamed now and then (tunneld.log to tunneld.1.log), whole lines at a time.
class LogReader {
 public:
  explicit LogReader(std::string path) : path_(std::move(path)) {}
  ~LogReader();
  LogReader(const LogReader&) = delete;
  LogReader& operator=(const LogReader&) = delete;

  // The lines that were added since the last call, those at the end of a file that was renamed included. A
  // file that does not exist yet has none.
  std::vector<std::string> read_new();

 private:
  void read_open_file(std::vector<std::string>& lines);
  bool file_was_replaced() const;

  std::string path_;
  int fd_ = -1;
  std::string partial_;
};

// "tunneld.log" -> "tunneld.1.log": where the log goes when it has grown large.
std::string rotated_log(const std::string& path);

}  // namespace tunneld::cli
