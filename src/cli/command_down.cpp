// `down`.
#include <algorithm>
#include <set>

#include "cli/commands.h"
#include "cli/conversation.h"
#include "cli/launch.h"
#include "cli/output.h"
#include "cli/profiles.h"
#include "cli/progress.h"
#include "core/selection.h"

namespace tunneld::cli {
namespace {

using control::Json;

struct DownOptions {
  std::vector<std::string> names;
  bool all = false;
  std::string drain = "5s";
};

// A plain name stands for itself, so that a profile whose file has gone can be closed. A pattern stands for
// those of its profiles that are up.
std::vector<std::string> expand_for_down(const std::vector<std::string>& given,
                                         const std::vector<std::string>& up, const Context& context,
                                         std::vector<std::string>& without_profile) {
  Catalog catalog = load_profiles(context).catalog;
  // Names alone matter here: a profile whose file has mistakes by now can be closed like any other.
  for (const std::string& name : up) catalog.profiles.try_emplace(name);
  for (const auto& [group, members] : catalog.groups)
    for (const std::string& name : members) catalog.profiles.try_emplace(name);
  std::vector<std::string> names;
  const auto add = [&](const std::string& name) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  };
  for (const std::string& name : given) {
    if (!is_pattern(name)) {
      add(name);
      continue;
    }
    const auto expanded = select_profiles(catalog, {name});
    bool any = false;
    for (const std::string& profile : expanded ? *expanded : std::vector<std::string>{}) {
      if (std::find(up.begin(), up.end(), profile) == up.end()) continue;
      add(profile);
      any = true;
    }
    if (!any) without_profile.push_back(name);
  }
  return names;
}

void show_event(const Json& event, const Context& context) {
  const std::string kind = control::get_string(event, "kind");
  if (kind == "profile_failed") {
    const Json* error = control::find(event, "error");
    report(control::error_from_json(error ? *error : Json::object()), context);
  }
  if (kind == "profile_draining" && context.progress != ProgressMode::quiet)
    write_err(draining_line(event) + "\n");
  if (kind == "profile_down" && context.progress != ProgressMode::quiet)
    for (const std::string& line : down_lines(event)) write_err(line + "\n");
}

int run_down(const DownOptions& options, const Context& context) {
  const std::string hint = "see \"tunneld down --help\"";
  if (options.names.empty() != options.all)
    return report_usage(
        options.all ? "--all and names exclude each other" : "down needs the names of profiles, or --all",
        hint, context);
  const auto drain = duration_option("--drain", options.drain, hint, context);
  if (!drain) return exit_code_of(ErrorCode::usage);

  auto client = connect_if_running(context);
  if (!client) return report(client.error(), context);
  Interrupts interrupts;
  if (!*client && options.all) {
    write_err("No profile is up.\n");
    return 0;
  }
  if (!*client) return report_not_up(options.names, context);

  std::vector<std::string> without_profile;
  std::vector<std::string> names;
  if (std::any_of(options.names.begin(), options.names.end(), is_pattern)) {
    const auto up = names_up(**client, interrupts);
    if (!up) return report(up.error(), context);
    names = expand_for_down(options.names, *up, context, without_profile);
  } else {
    names = options.names;
  }
  int exit_code = without_profile.empty() ? 0 : report_not_up(without_profile, context);
  if (names.empty() && !options.all) return exit_code;

  Handlers handlers;
  bool any = false;
  handlers.on_event = [&](const Json& event) {
    any = true;
    show_event(event, context);
  };
  const auto result =
      converse(**client, "down", {{"names", names}, {"all", options.all}, {"drain_ms", drain->count()}},
               handlers, interrupts, *drain + kPromptReply);
  if (!result && result.error().code == ErrorCode::interrupted)
    return report(make_error(ErrorCode::interrupted, "interrupted", "what drains goes down all the same",
                             "tunneld up NAME keeps it up; tunneld down NAME --drain 0s ends it now"),
                  context);
  if (!result) return report(result.error(), context);
  if (options.all && !any) write_err("No profile is up.\n");
  return exit_code != 0 ? exit_code : control::exit_code_in(*result, static_cast<int>(ExitCode::failed));
}

}  // namespace

void add_down(CLI::App& app, Commands& commands) {
  CLI::App* command = app.add_subcommand("down", "Close profiles; says which clients were connected");
  command->footer("Examples:\n  tunneld down prod-db\n  tunneld down --all --drain 0s        closes connections at once");
  auto options = std::make_shared<DownOptions>();
  command->add_option("NAME", options->names, "Profiles, @groups, @tags or globs")->type_name("");
  command->add_flag("--all", options->all, "Close everything");
  command->add_option("--drain", options->drain, "Let connections end by themselves for this long")
      ->type_name("DURATION")
      ->capture_default_str();
  commands.push_back({command, [options](const Context& context) { return run_down(*options, context); }});
}

}  // namespace tunneld::cli
