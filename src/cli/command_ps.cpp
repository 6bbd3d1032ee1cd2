// `ps` and `status`.
#include <poll.h>

#include <algorithm>

#include "cli/commands.h"
#include "cli/conversation.h"
#include "cli/launch.h"
#include "cli/output.h"
#include "cli/profile_view.h"
#include "cli/profiles.h"
#include "cli/text.h"
#include "core/selection.h"

namespace tunneld::cli {
namespace {

using control::Json;

constexpr int kWatchPeriodMs = 1'000;

struct PsOptions {
  bool json = false;
  bool watch = false;
};
struct StatusOptions {
  std::string name;
  bool json = false;
};

struct Snapshot {
  Json daemon;  // null when none runs
  std::vector<Json> items;
};

WallTime wall_now() {
  return std::chrono::floor<Milliseconds>(std::chrono::system_clock::now());
}

Result<Snapshot> ask(Client& client, const std::string& verb, Json args, Interrupts& interrupts) {
  Snapshot snapshot;
  Handlers handlers;
  handlers.on_item = [&](const Json& item) { snapshot.items.push_back(item); };
  const auto result = converse(client, verb, std::move(args), handlers, interrupts, kPromptReply);
  if (!result) return fail(result.error());
  if (const Json* daemon = control::find(*result, "daemon")) snapshot.daemon = *daemon;
  return snapshot;
}

// Draws over what it drew before, cut to the screen so that the cursor can go back to its start.
std::string redraw(const std::string& table, std::size_t& drawn_lines) {
  std::string text;
  if (drawn_lines > 0) text += "\x1b[" + std::to_string(drawn_lines) + "A";
  text += "\r";
  drawn_lines = 0;
  const std::size_t height = terminal_height() - 1;
  const std::size_t width = terminal_width();
  for (std::size_t at = 0; at < table.size() && drawn_lines < height; ++drawn_lines) {
    const std::size_t end = std::min(table.find('\n', at), table.size());
    text += cut_to_width(table.substr(at, end - at), width) + "\x1b[K\n";
    at = end + 1;
  }
  return text + "\x1b[J";
}

int watch(const PsOptions& options, const Context& context) {
  Interrupts interrupts;
  std::optional<Client> client;
  std::size_t drawn_lines = 0;
  while (true) {
    if (!client) {
      auto connected = connect_if_running(context);
      if (!connected) return report(connected.error(), context);
      client = std::move(*connected);
    }
    Snapshot snapshot;
    if (client) {
      auto asked = ask(*client, "ps", Json::object(), interrupts);
      if (!asked && asked.error().code == ErrorCode::interrupted) return exit_code_of(ErrorCode::interrupted);
      if (!asked) client.reset();  // it has gone; one may come back
      if (asked) snapshot = std::move(*asked);
    }
    const bool live = context.out.live && !options.json;
    const std::string table =
        snapshot.items.empty() ? "No profile is up.\n" : ps_text(snapshot.items, wall_now(), false);
    const std::string text = options.json ? json_line(profiles_json(snapshot.daemon, snapshot.items))
                             : live       ? redraw(table, drawn_lines)
                                          : table;
    if (write_out(text) != Written::ok) return 0;
    pollfd item{.fd = interrupts.fd(), .events = POLLIN, .revents = 0};
    ::poll(&item, 1, kWatchPeriodMs);
    if (interrupts.take()) return exit_code_of(ErrorCode::interrupted);
  }
}

int run_ps(const PsOptions& options, const Context& context) {
  if (options.watch) return watch(options, context);
  auto client = connect_if_running(context);
  if (!client) return report(client.error(), context);
  Interrupts interrupts;
  Snapshot snapshot;
  if (*client) {
    auto asked = ask(**client, "ps", Json::object(), interrupts);
    if (!asked) return report(asked.error(), context);
    snapshot = std::move(*asked);
  }
  if (options.json) return finish_with(json_text(profiles_json(snapshot.daemon, snapshot.items)));
  if (!snapshot.items.empty()) return finish_with(ps_text(snapshot.items, wall_now(), context.out.color));
  write_err("No profile is up.\n");
  return 0;
}

// Says as well when no profile has this name, which is the likelier mistake.
Error explained(Error error, const std::string& name, const Context& context) {
  if (error.code != ErrorCode::not_up) return error;
  const config::LoadResult loaded = load_profiles(context);
  if (loaded.has_errors() || loaded.catalog.profiles.contains(name)) return error;
  if (const auto known = select_profiles(loaded.catalog, {name}); !known) {
    error.cause = known.error().message;
    error.fix = known.error().fix;
  }
  return error;
}

int run_status(const StatusOptions& options, const Context& context) {
  auto client = connect_if_running(context);
  if (!client) return report(client.error(), context);
  Interrupts interrupts;
  const Error not_up = make_error(ErrorCode::not_up, options.name + " is not up", {},
                                  "\"tunneld up " + options.name + "\" brings it up");
  if (!*client) return report(explained(not_up, options.name, context), context);
  auto asked = ask(**client, "status", {{"name", options.name}}, interrupts);
  if (!asked) return report(explained(asked.error(), options.name, context), context);
  if (asked->items.empty()) return report(explained(not_up, options.name, context), context);
  if (options.json) return finish_with(json_text(profiles_json(asked->daemon, asked->items)));
  return finish_with(status_text(asked->items.front(), wall_now(), context.paths.home, context.out.color));
}

}  // namespace

void add_ps(CLI::App& app, Commands& commands) {
  CLI::App* command = app.add_subcommand("ps", "Show every profile that is up");
  auto options = std::make_shared<PsOptions>();
  command->add_flag("--json", options->json, "One JSON object instead of a table");
  command->add_flag("--watch,-w", options->watch, "Show it again every second until Ctrl-C");
  commands.push_back({command, [options](const Context& context) { return run_ps(*options, context); }});
}

void add_status(CLI::App& app, Commands& commands) {
  CLI::App* command =
      app.add_subcommand("status", "Show one profile in full: hops, forwards, counters, last error");
  auto options = std::make_shared<StatusOptions>();
  command->add_option("NAME", options->name, "The profile")->type_name("")->required();
  command->add_flag("--json", options->json, "One JSON object, as \"ps --json\" gives");
  commands.push_back({command, [options](const Context& context) { return run_status(*options, context); }});
}

}  // namespace tunneld::cli
