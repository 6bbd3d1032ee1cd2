// The verbs of the command line: each add_...() puts its options into the parser and says what runs it.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <vector>

#include "cli/context.h"

namespace tunneld::cli {

using Run = std::function<int(const Context&)>;  // returns the process's exit code

struct Command {
  CLI::App* app;  // where its words are parsed; gone when it runs
  Run run;
};
using Commands = std::vector<Command>;

void add_up(CLI::App& app, Commands& commands);
void add_restart(CLI::App& app, Commands& commands);
void add_down(CLI::App& app, Commands& commands);
void add_ps(CLI::App& app, Commands& commands);
void add_status(CLI::App& app, Commands& commands);
void add_hosts(CLI::App& app, Commands& commands);
void add_logs(CLI::App& app, Commands& commands);
void add_check(CLI::App& app, Commands& commands);
// `command`: CMD and its arguments, which the parser never sees (arguments.h).
void add_exec(CLI::App& app, Commands& commands, const std::vector<std::string>& command);
void add_shutdown(CLI::App& app, Commands& commands);
void add_daemon(CLI::App& app, Commands& commands);

}  // namespace tunneld::cli
