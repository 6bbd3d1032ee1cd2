// The daemon's log: one line an event, "2026-11-23T06:00:00.123Z info [prod-db] text", "[-]" when it concerns no profile.
#pragma once

#include <spdlog/logger.h>

#include <memory>
#include <string>

namespace tunneld::daemon {

// May be used in any thread.
class Log {
 public:
  // To `path` (mode 0600, rotated at 5 MiB, one old file kept as *.1.log) or to stderr. Lines that cannot be written are
  // lost; the daemon goes on.
  Log(const std::string& path, bool to_stderr);

  void info(const std::string& profile, const std::string& text);
  void warn(const std::string& profile, const std::string& text);
  void error(const std::string& profile, const std::string& text);

 private:
  void write(spdlog::level::level_enum level, const std::string& profile, const std::string& text);

  std::shared_ptr<spdlog::logger> logger_;
};

}  // namespace tunneld::daemon
