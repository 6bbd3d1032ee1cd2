#include "cli/output.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "cli/text.h"
#include "core/duration.h"
#include "core/sanitize.h"

namespace tunneld::cli {
namespace {

Written write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(fd, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno == EPIPE ? Written::closed : Written::failed;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return Written::ok;
}

winsize terminal_size() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 && ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0)
    size = {};
  return size;
}

Error sanitized(Error error) {
  for (std::string* text : {&error.message, &error.cause, &error.fix, &error.where.profile, &error.where.hop,
                            &error.where.forward, &error.where.position})
    *text = sanitize(*text);
  return error;
}

}  // namespace

Style decide_style(ColorMode color, ProgressMode progress, bool is_terminal, const EnvLookup& env) {
  const bool plain_terminal = !env("NO_COLOR").value_or("").empty() || env("TERM").value_or("") == "dumb";
  const bool capable = is_terminal && !plain_terminal;
  return Style{.color = color == ColorMode::always || (color == ColorMode::automatic && capable),
               .live = capable && progress == ProgressMode::automatic};
}

Written write_out(std::string_view text) {
  return write_all(STDOUT_FILENO, text);
}

void write_err(std::string_view text) {
  (void)write_all(STDERR_FILENO, text);
}

int finish_with(std::string_view data) {
  if (write_out(data) != Written::failed) return static_cast<int>(ExitCode::done);
  write_err(std::string("error[E-INTERNAL]: cannot write to standard output: ") + std::strerror(errno) +
            "\n");
  return static_cast<int>(ExitCode::failed);
}

std::string json_text(const control::Json& json) {
  return json.dump(2, ' ', true, control::Json::error_handler_t::replace) + "\n";
}

std::string json_line(const control::Json& json) {
  return json.dump(-1, ' ', true, control::Json::error_handler_t::replace) + "\n";
}

std::size_t terminal_width() {
  const winsize size = terminal_size();
  return size.ws_col > 0 ? size.ws_col : 80;
}

std::size_t terminal_height() {
  const winsize size = terminal_size();
  return size.ws_row > 0 ? size.ws_row : 24;
}

std::string error_text(const Error& error, const Context& context, bool color) {
  Error shown = sanitized(error);
  shown.where.position = short_path(shown.where.position, context.cwd, context.paths.home);
  const std::string text = render_error(shown);
  const std::size_t label = text.find(": ");
  return colored(text.substr(0, label), Color::red, color) + text.substr(label);
}

int report(const Error& error, const Context& context) {
  write_err(error_text(error, context, context.err.color));
  return exit_code_of(error.code);
}

int report_not_up(const std::vector<std::string>& names, const Context& context) {
  for (const std::string& name : names) {
    const bool is_pattern = name.find_first_of("@*?[") != std::string::npos;
    report(make_error(ErrorCode::not_up,
                      is_pattern ? "nothing that " + name + " names is up" : name + " is not up", {},
                      "\"tunneld ps\" shows what is"),
           context);
  }
  return exit_code_of(ErrorCode::not_up);
}

int report_usage(const std::string& message, const std::string& hint, const Context& context) {
  return report(make_error(ErrorCode::usage, message, {}, hint), context);
}

void warn(const std::string& message, const Context& context) {
  write_err(colored("warning", Color::yellow, context.err.color) + ": " + sanitize(message) + "\n");
}

std::optional<std::chrono::milliseconds> duration_option(const std::string& option, const std::string& text,
                                                         const std::string& hint, const Context& context) {
  const auto duration = parse_duration(text);
  if (duration && *duration) return **duration;
  report_usage(option + " takes a duration like 500ms, 30s, 2m or 1h30m, not \"" + text + "\"", hint,
               context);
  return std::nullopt;
}

Error make_error(ErrorCode code, std::string message, std::string cause, std::string fix) {
  return Error{.code = code,
               .message = std::move(message),
               .where = {},
               .cause = std::move(cause),
               .fix = std::move(fix)};
}

int exit_code_of(ErrorCode code) {
  return static_cast<int>(error_info(code).exit_code);
}

}  // namespace tunneld::cli
