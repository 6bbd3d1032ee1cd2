// `up` and `restart`.
#include "cli/bring_up.h"
#include "cli/commands.h"
#include "cli/interrupts.h"
#include "cli/launch.h"
#include "cli/output.h"
#include "cli/profiles.h"

namespace tunneld::cli {
namespace {

constexpr const char* kUpExamples =
    "Examples:\n"
    "  tunneld up prod-db                      one profile; its steps are shown as they happen\n"
    "  tunneld up @morning                     every profile of a group, or with a tag\n"
    "  tunneld up 'stage-*'                    every profile whose name matches\n"
    "  tunneld up prod-db --port postgres=0    listen on a port that the system chooses\n"
    "\n"
    "It ends when every forward listens and the chain of hops stands; the tunnels stay\n"
    "open until \"tunneld down\". Running it again changes nothing, unless the file or --port\n"
    "says something else than before: then the profile is closed and starts anew.";

struct UpOptions {
  std::vector<std::string> names;
  std::string wait = "30s";
  std::vector<std::string> ports;
  bool no_input = false;
};

void add_options(CLI::App& command, UpOptions& options) {
  command.add_option("NAME", options.names, "Profiles, @groups, @tags or globs")->type_name("")->required();
  command.add_option("--wait", options.wait, "Give up after this long (500ms, 30s, 2m)")
      ->type_name("DURATION")
      ->capture_default_str();
  command.add_option("--port", options.ports, "Listen on another port: FORWARD=PORT (0: any, or the one that it has)")
      ->type_name("FORWARD=PORT")
      ->allow_extra_args(false);
  command.add_flag("--no-input", options.no_input, "Ask nothing; fail where a question would be");
}

Result<std::optional<Client>> start_if_needed(const Context& context) {
  auto client = connect_or_start(context);
  if (!client) return fail(client.error());
  return std::optional<Client>(std::move(*client));
}

int run_up(const std::string& verb, const UpOptions& options, const Context& context) {
  const std::string hint = "see \"tunneld " + verb + " --help\"";
  UpRequest request{.verb = verb, .names = {}, .no_input = options.no_input};
  const auto wait = duration_option("--wait", options.wait, hint, context);
  if (!wait) return exit_code_of(ErrorCode::usage);
  request.wait = *wait;
  PortsOption ports = parse_ports(options.ports);
  if (!ports.error.empty()) return report_usage(ports.error, hint, context);
  request.ports = std::move(ports.ports);

  const config::LoadResult loaded = load_profiles(context);
  Selection selection = choose_profiles(loaded, options.names, context);
  if (selection.exit_code != 0) return selection.exit_code;
  request.names = std::move(selection.names);
  if (const std::string error = mistake_in_ports(loaded, request); !error.empty())
    return report_usage(error, hint, context);

  auto client = verb == "restart" ? connect_if_running(context) : start_if_needed(context);
  if (!client) return report(client.error(), context);
  if (!*client) return report_not_up(request.names, context);
  Interrupts interrupts;
  return bring_up(**client, request, loaded, context, interrupts).exit_code;
}

void add_verb(CLI::App& app, Commands& commands, const std::string& verb, const std::string& description,
              const std::string& footer) {
  CLI::App* command = app.add_subcommand(verb, description);
  command->footer(footer);
  auto options = std::make_shared<UpOptions>();
  add_options(*command, *options);
  commands.push_back(
      {command, [options, verb](const Context& context) { return run_up(verb, *options, context); }});
}

}  // namespace

void add_up(CLI::App& app, Commands& commands) {
  add_verb(app, commands, "up", "Bring profiles up, starting the daemon if none runs", kUpExamples);
}

void add_restart(CLI::App& app, Commands& commands) {
  add_verb(app, commands, "restart", "Close profiles and bring them up again, with new sessions; the listeners stay",
           "Example:\n  tunneld restart prod-db");
}

}  // namespace tunneld::cli
