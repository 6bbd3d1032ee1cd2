#include "daemon/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <sys/stat.h>

#include <cstdio>

#include "core/sanitize.h"

namespace tunneld::daemon {
namespace {

constexpr std::size_t kMaxFileBytes = 5 * 1024 * 1024;
constexpr std::size_t kOldFiles = 1;

}  // namespace

Log::Log(const std::string& path, bool to_stderr) {
  spdlog::sink_ptr sink;
  if (!to_stderr) {
    const mode_t before = ::umask(0077);
    try {
      sink = std::make_shared<spdlog::sinks::rotating_file_sink_mt>(path, kMaxFileBytes, kOldFiles);
    } catch (const spdlog::spdlog_ex& failure) {
      std::fprintf(stderr, "tunneld: no log file: %s\n", failure.what());
    }
    ::umask(before);
  }
  if (!sink) sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  logger_ = std::make_shared<spdlog::logger>("tunneld", sink);
  logger_->set_formatter(
      std::make_unique<spdlog::pattern_formatter>("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc));
  logger_->set_error_handler([](const std::string&) {});
  logger_->flush_on(spdlog::level::info);
}

void Log::info(const std::string& profile, const std::string& text) { write(spdlog::level::info, profile, text); }
void Log::warn(const std::string& profile, const std::string& text) { write(spdlog::level::warn, profile, text); }
void Log::error(const std::string& profile, const std::string& text) { write(spdlog::level::err, profile, text); }

void Log::write(spdlog::level::level_enum level, const std::string& profile, const std::string& text) {
  logger_->log(level, "[{}] {}", profile.empty() ? "-" : profile, sanitize(text));
}

}  // namespace tunneld::daemon
