// The two streams: data goes to stdout, talk to stderr.
#pragma once

#include <tunneld/error.h>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/context.h"
#include "core/control/json.h"

namespace tunneld::cli {

enum class Written {
  ok,
  closed,  // the reader has gone (EPIPE): nobody is left to be told
  failed,
};

Written write_out(std::string_view text);
void write_err(std::string_view text);
// The exit code of a command that ends with its data: 0, or 1 when it could not be written (which is then
// said).
int finish_with(std::string_view data);

// JSON as it is written to stdout: indented for eyes, or one line of a stream. Every character above ASCII is
// escaped, so that nothing in it drives a terminal. Ended by '\n'; never throws.
std::string json_text(const control::Json& json);
std::string json_line(const control::Json& json);

// Columns of the terminal that stderr is on; 80 when it does not say.
std::size_t terminal_width();
std::size_t terminal_height();

// The error as it is shown: foreign text sanitized, paths shortened, "error[...]" red where colour is on.
std::string error_text(const Error& error, const Context& context, bool color);

// Writes the error to stderr; returns the exit code of its kind.
int report(const Error& error, const Context& context);
// E-NOT-UP for each name, in the words of its profile or pattern. Returns 3.
int report_not_up(const std::vector<std::string>& names, const Context& context);
// What the user typed cannot be meant: two lines at most, the second says where help is. Returns 2.
int report_usage(const std::string& message, const std::string& hint, const Context& context);
void warn(const std::string& message, const Context& context);

// A duration that an option gives; nothing, after report_usage(), when it is none or "never".
std::optional<std::chrono::milliseconds> duration_option(const std::string& option, const std::string& text,
                                                         const std::string& hint, const Context& context);

Error make_error(ErrorCode code, std::string message, std::string cause = {}, std::string fix = {});
int exit_code_of(ErrorCode code);

}  // namespace tunneld::cli
