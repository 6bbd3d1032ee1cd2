// `check`.
#include <algorithm>
#include <filesystem>

#include "cli/commands.h"
#include "cli/findings.h"
#include "cli/output.h"
#include "cli/profiles.h"
#include "cli/text.h"

namespace tunneld::cli {
namespace {

struct CheckOptions {
  std::vector<std::string> files;
  bool strict = false;
  bool json = false;
  std::string format = "text";
};

// Paths are shown as they were given: relative when a relative one was.
std::string shown_folder(const CheckOptions& options, const Context& context) {
  const bool relative = std::any_of(options.files.begin(), options.files.end(),
                                    [](const std::string& file) { return !file.starts_with('/'); });
  return relative ? context.cwd : "";
}

std::string rendered(const config::LoadResult& loaded, const std::string& format, const std::string& folder,
                     const Context& context) {
  if (format == "json") return json_text(findings_json(loaded.findings));
  std::string text;
  for (const config::Finding& finding : loaded.findings)
    text += format == "github" ? finding_github(finding, context.cwd) : finding_text(finding, folder);
  return text;
}

int run_check(const CheckOptions& options, const Context& context) {
  const std::string format = options.json ? "json" : options.format;
  config::LoadRequest request = load_request(context);
  if (!options.files.empty()) {
    request.sources.clear();
    request.sources_may_be_missing = false;
    for (const std::string& file : options.files)
      request.sources.push_back((std::filesystem::path(context.cwd) / file).lexically_normal().string());
  }
  const config::LoadResult loaded = config::load(request);
  if (options.files.empty() && format == "text" && no_profiles(loaded, context)) return report_no_profiles(context);
  if (loaded.files.empty() && !loaded.has_errors())
    return report(make_error(ErrorCode::no_such_profile, "there is no file to check",
                             "looked for *.yaml and *.yml in " + join(request.sources, ", "),
                             "name a file, or a folder that has some"),
                  context);
  if (const int exit_code = finish_with(rendered(loaded, format, shown_folder(options, context), context));
      exit_code != 0)
    return exit_code;
  if (format == "text" && context.progress != ProgressMode::quiet) write_err(summary_text(loaded) + "\n");
  const bool bad = loaded.has_errors() || (options.strict && !loaded.findings.empty());
  return bad ? exit_code_of(ErrorCode::profile_invalid) : 0;
}

}  // namespace

void add_check(CLI::App& app, Commands& commands) {
  CLI::App* command = app.add_subcommand("check", "Validate profile files without connecting anywhere");
  command->footer(
      "Findings go to stdout. Exit code 0: no mistakes; 5: mistakes; 4: there is no file.\n"
      "Examples:\n"
      "  tunneld check                                    the files that \"up\" would read\n"
      "  tunneld check --strict profiles/                 in a pre-commit hook\n"
      "  tunneld check --format github profiles/*.yaml    in a GitHub workflow");
  auto options = std::make_shared<CheckOptions>();
  command->add_option("FILE", options->files, "Files or folders; none: the search path");
  command->add_flag("--strict", options->strict, "Warnings count as mistakes");
  command->add_option("--format", options->format, "text, json or github")
      ->check(CLI::IsMember({"text", "json", "github"}))
      ->capture_default_str();
  command->add_flag("--json", options->json, "The same as --format json");
  commands.push_back({command, [options](const Context& context) { return run_check(*options, context); }});
}

}  // namespace tunneld::cli
