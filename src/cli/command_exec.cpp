// `exec`.
#include <algorithm>

#include "cli/bring_up.h"
#include "cli/child.h"
#include "cli/commands.h"
#include "cli/conversation.h"
#include "cli/launch.h"
#include "cli/output.h"
#include "cli/profiles.h"
#include "core/sanitize.h"

namespace tunneld::cli {
namespace {

// A chain that stands within this time needs no words.
constexpr Milliseconds kQuietFor{1'500};

struct ExecOptions {
  std::string name;
  std::string wait = "30s";
  std::vector<std::string> ports;
  bool no_input = false;
  std::vector<std::string> unseen;
};

// Reads what the daemon says while the command runs; false when it has gone.
bool daemon_is_there(Client& client, const std::string& profile, const Context& context) {
  const auto more = client.read_more();
  while (true) {
    const auto reply = client.take();
    if (!reply || !*reply) break;
  }
  if (more && *more) return true;
  warn("the daemon ended the connection: " + profile + " is no longer held up", context);
  return false;
}

int run_command(Client& client, const UpOutcome& outcome, const std::string& profile,
                const std::vector<std::string>& command, const Context& context) {
  Interrupts interrupts({SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCHLD});
  const auto forwards = outcome.up.find(profile);
  const auto variables =
      environment_of(forwards != outcome.up.end() ? forwards->second : std::vector<OpenForward>{});
  const ChildResult result = run_child(command, variables, interrupts, client.fd(),
                                       [&] { return daemon_is_there(client, profile, context); });
  if (!result.error.empty())
    write_err("tunneld exec: " + sanitize(command.front()) + ": " + result.error + "\n");
  return result.exit_code;
}

// Whether it is up and its definition cannot be had: then it is used as it stands, whatever has become of its file.
bool only_daemon_knows(const std::string& name, const config::LoadResult& loaded, const Context& context) {
  if (is_pattern(name) || loaded.catalog.profiles.contains(name)) return false;
  auto client = connect_if_running(context);
  if (!client || !*client) return false;
  Interrupts interrupts;
  const auto up = names_up(**client, interrupts);
  return up && std::find(up->begin(), up->end(), name) != up->end();
}

int run_exec(const ExecOptions& options, const std::vector<std::string>& command, const Context& context) {
  const std::string hint = "see \"tunneld exec --help\"";
  if (command.empty())
    return report_usage("exec needs a command to run after the profile's name", hint, context);
  UpRequest request{.names = {}, .no_input = options.no_input, .lease = true};
  const auto wait = duration_option("--wait", options.wait, hint, context);
  if (!wait) return exit_code_of(ErrorCode::usage);
  request.wait = *wait;
  PortsOption ports = parse_ports(options.ports);
  if (!ports.error.empty()) return report_usage(ports.error, hint, context);
  request.ports = std::move(ports.ports);
  if (context.progress != ProgressMode::plain) request.quiet_for = kQuietFor;

  const config::LoadResult loaded = load_profiles(context);
  Selection selection{.names = {options.name}};
  if (!only_daemon_knows(options.name, loaded, context)) selection = choose_profiles(loaded, {options.name}, context);
  if (selection.exit_code != 0) return selection.exit_code;
  if (selection.names.size() != 1)
    return report_usage("exec takes one profile; " + options.name + " names " + join(selection.names, ", "),
                        hint, context);
  request.names = std::move(selection.names);
  if (const std::string mistake = mistake_in_ports(loaded, request); !mistake.empty())
    return report_usage(mistake, hint, context);

  auto client = connect_or_start(context);
  if (!client) return report(client.error(), context);
  UpOutcome outcome;
  {
    Interrupts interrupts;
    outcome = bring_up(*client, request, loaded, context, interrupts);
  }
  if (outcome.exit_code != 0) return outcome.exit_code;
  return run_command(*client, outcome, request.names.front(), command, context);
}

}  // namespace

void add_exec(CLI::App& app, Commands& commands, const std::vector<std::string>& command_line) {
  CLI::App* command =
      app.add_subcommand("exec", "Run a command while a profile is up, then give back what was taken");
  command->footer(
      "CMD finds the address in its environment: TUNNELD_<FORWARD>_HOST, _PORT and _ADDRESS (upper\n"
      "case, - as _); with one forward also TUNNELD_HOST, TUNNELD_PORT and TUNNELD_ADDRESS; with\n"
      "\"app: postgresql\" also PGHOST and PGPORT. The exit code is CMD's.\n"
      "Examples:\n"
      "  tunneld exec prod-db -- pg_dump -U app orders\n"
      "  tunneld exec prod-db sh -c 'nc -z $TUNNELD_HOST $TUNNELD_PORT'");
  auto options = std::make_shared<ExecOptions>();
  command->add_option("NAME", options->name, "The profile")->type_name("")->required();
  // For the help text: arguments.h has taken CMD away before the parser looks.
  command->add_option("CMD", options->unseen, "The command and its arguments; \"--\" may stand before it")
      ->type_name("");
  command->add_option("--wait", options->wait, "Give up after this long if the profile does not come up")
      ->type_name("DURATION")
      ->capture_default_str();
  command->add_option("--port", options->ports, "Listen on another port: FORWARD=PORT (0: any, or the one that it has)")
      ->type_name("FORWARD=PORT")
      ->allow_extra_args(false);
  command->add_flag("--no-input", options->no_input, "Ask nothing; fail where a question would be");
  commands.push_back({command, [options, command_line](const Context& context) {
                        return run_exec(*options, command_line, context);
                      }});
}

}  // namespace tunneld::cli
