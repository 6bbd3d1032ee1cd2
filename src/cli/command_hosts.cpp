// `hosts`.
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/profiles.h"
#include "cli/vault_view.h"

namespace tunneld::cli {
namespace {

struct HostsOptions {
  std::string pattern;
  bool json = false;
};

int run_hosts(const HostsOptions& options, const Context& context) {
  const config::LoadResult loaded = load_profiles(context);
  if (!options.json && no_profiles(loaded, context)) return report_no_profiles(context);
  warn_of_mistakes(loaded, {}, context);
  const auto store = context.wiring.open_host_keys(context.paths);
  const std::vector<HostView> hosts = view_hosts(loaded.catalog, options.pattern, *store);
  if (options.json) return finish_with(json_text(hosts_json(hosts)));
  if (!hosts.empty()) return finish_with(hosts_text(hosts));
  write_err(options.pattern.empty() ? "The profile files name no host.\n" : "No host matches.\n");
  return 0;
}

}  // namespace

void add_hosts(CLI::App& app, Commands& commands) {
  CLI::App* command = app.add_subcommand(
      "hosts", "List the SSH servers of the profile files and what is known of their keys");
  command->footer(
      "Examples:\n  tunneld hosts\n  tunneld hosts 'edge-*'\n  tunneld hosts @prod      hosts with a tag");
  auto options = std::make_shared<HostsOptions>();
  command->add_option("PATTERN", options->pattern, "Part of a name or address, a glob, or @tag")
      ->type_name("");
  command->add_flag("--json", options->json, "One JSON object instead of a table");
  commands.push_back({command, [options](const Context& context) { return run_hosts(*options, context); }});
}

}  // namespace tunneld::cli
