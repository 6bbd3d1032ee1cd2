// `logs`.
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "cli/commands.h"
#include "cli/interrupts.h"
#include "cli/log_lines.h"
#include "cli/output.h"

namespace tunneld::cli {
namespace {

constexpr int kFollowPeriodMs = 200;
constexpr int kMostLines = 10'000'000;

struct LogsOptions {
  std::string name;
  bool follow = false;
  std::string since;
  int count = 100;
  bool json = false;
};

std::string line_text(const LogLine& line, const LogsOptions& options, const Context& context) {
  if (!options.json) return log_line_text(line, context.out.color);
  control::Json json = log_line_json(line);
  json["schema"] = 1;
  return json_line(json);
}

// The last `count` wanted lines of the file before and the file now.
std::deque<LogLine> last_lines(LogReader& reader, LogFilter& filter, const LogsOptions& options,
                               const Context& context) {
  std::deque<LogLine> kept;
  const auto keep = [&](const std::vector<std::string>& lines) {
    for (const std::string& text : lines) {
      LogLine line = parse_log_line(text);
      if (!filter.wants(line)) continue;
      kept.push_back(std::move(line));
      if (kept.size() > static_cast<std::size_t>(options.count)) kept.pop_front();
    }
  };
  keep(LogReader(rotated_log(context.paths.log)).read_new());
  keep(reader.read_new());
  return kept;
}

// Waits one period. False when it is time to end, with the exit code.
bool wait_a_period(Interrupts& interrupts, int& exit_code) {
  // An error on a pipe's writing end means that its reader has gone.
  std::array<pollfd, 2> items = {{{.fd = interrupts.fd(), .events = POLLIN, .revents = 0},
                                  {.fd = STDOUT_FILENO, .events = 0, .revents = 0}}};
  if (::poll(items.data(), items.size(), kFollowPeriodMs) <= 0) return true;
  // Taken, not left pending: it would end the process when `interrupts` lets it through.
  exit_code = interrupts.take() ? exit_code_of(ErrorCode::interrupted) : 0;
  return false;
}

int follow(LogReader& reader, LogFilter& filter, const LogsOptions& options, const Context& context) {
  Interrupts interrupts;
  int exit_code = 0;
  while (wait_a_period(interrupts, exit_code)) {
    std::string text;
    for (const std::string& raw : reader.read_new())
      if (const LogLine line = parse_log_line(raw); filter.wants(line))
        text += line_text(line, options, context);
    if (write_out(text) != Written::ok) return 0;
  }
  return exit_code;
}

int refuse_log(const std::string& path, const std::string& why) {
  write_err("tunneld logs: " + path + " cannot be read: " + why + "\n");
  return static_cast<int>(ExitCode::failed);
}

int run_logs(const LogsOptions& options, const Context& context) {
  std::string since;
  if (!options.since.empty()) {
    const auto ago = duration_option("--since", options.since, "see \"tunneld logs --help\"", context);
    if (!ago) return exit_code_of(ErrorCode::usage);
    since = log_time(std::chrono::floor<Milliseconds>(std::chrono::system_clock::now()) - *ago);
  }
  if (std::error_code problem; !std::filesystem::is_regular_file(context.paths.log, problem)) {
    const bool missing = problem == std::errc::no_such_file_or_directory;
    if (!missing) return refuse_log(context.paths.log, problem ? problem.message() : "it is not a file");
  } else if (::access(context.paths.log.c_str(), R_OK) != 0) {
    return refuse_log(context.paths.log, std::strerror(errno));
  }
  LogReader reader(context.paths.log);
  LogFilter filter(options.name, since);
  const std::deque<LogLine> lines = last_lines(reader, filter, options, context);

  if (options.json && !options.follow) {
    control::Json list = control::Json::array();
    for (const LogLine& line : lines) list.push_back(log_line_json(line));
    return finish_with(json_text({{"schema", 1}, {"lines", std::move(list)}}));
  }
  std::string text;
  for (const LogLine& line : lines) text += line_text(line, options, context);
  if (text.empty() && !options.follow && options.count > 0)
    write_err("Nothing is logged " + (options.name.empty() ? "in " + context.paths.log : "of " + options.name) +
              (options.since.empty() ? "" : " in the last " + options.since) + ".\n");
  if (const int exit_code = finish_with(text); exit_code != 0 || !options.follow) return exit_code;
  return follow(reader, filter, options, context);
}

}  // namespace

void add_logs(CLI::App& app, Commands& commands) {
  CLI::App* command = app.add_subcommand("logs", "Show the daemon's log");
  command->footer("Examples:\n  tunneld logs prod-db -f\n  tunneld logs --since 10m -n 1000");
  auto options = std::make_shared<LogsOptions>();
  command->add_option("NAME", options->name, "Only the lines of this profile")->type_name("");
  command->add_flag("-f,--follow", options->follow, "Go on with what is added, until Ctrl-C");
  command->add_option("--since", options->since, "Only the lines of this last time (90s, 10m, 2h, 24h)")
      ->type_name("DURATION");
  command->add_option("-n,--lines", options->count, "At most this many lines, the last ones")
      ->check(CLI::Range(0, kMostLines).description(""))
      ->type_name("COUNT")
      ->capture_default_str();
  command->add_flag("--json", options->json, "One JSON object; with -f one object a line");
  commands.push_back({command, [options](const Context& context) { return run_logs(*options, context); }});
}

}  // namespace tunneld::cli
