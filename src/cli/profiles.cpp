#include "cli/profiles.h"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <map>
#include <set>

#include "cli/findings.h"
#include "cli/output.h"
#include "cli/text.h"
#include "core/selection.h"

namespace tunneld::cli {
namespace {

constexpr std::string_view kFirstProfile =
    "\n"
    "    version: 1\n"
    "    profiles:\n"
    "      prod-db:\n"
    "        hops: [bastion.example.com]              # from you to the target\n"
    "        forwards:\n"
    "          postgres: \"5432:10.0.5.12:5432\"       # as ssh -L takes it\n"
    "\n"
    "  then: tunneld up prod-db\n";

// Whether a file that could not be understood seems to define this name: it holds it as a key.
bool file_mentions(const std::string& path, const std::string& name) {
  std::ifstream file(path, std::ios::binary);
  constexpr std::size_t kLongestFile = 1 << 20;  // the format's limit
  std::string text(kLongestFile, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(std::max<std::streamsize>(file.gcount(), 0)));
  const auto is_word = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.';
  };
  for (std::size_t at = text.find(name); at != std::string::npos; at = text.find(name, at + 1)) {
    const std::size_t end = at + name.size();
    if ((at == 0 || !is_word(text[at - 1])) && (end == text.size() || !is_word(text[end]))) return true;
  }
  return false;
}

std::set<std::string> broken_files(const config::LoadResult& loaded) {
  std::set<std::string> files;
  for (const config::Finding& finding : loaded.findings)
    if (!finding.warning) files.insert(finding.position.file);
  return files;
}

// Files with mistakes for which this name cannot be had: none for a profile of the catalog; otherwise those that mention
// it, as far as can be told from a file that is broken.
std::set<std::string> guilty_files(const config::LoadResult& loaded, const std::string& name) {
  if (loaded.catalog.profiles.contains(name)) return {};
  const std::set<std::string> broken = broken_files(loaded);
  const std::string word = name.starts_with('@') ? name.substr(1) : name;
  std::set<std::string> guilty;
  for (const std::string& file : broken)
    if (file_mentions(file, word)) guilty.insert(file);
  // It was left out for a mistake in another file, of its host say.
  return guilty.empty() && loaded.left_out.contains(name) ? broken : guilty;
}

std::set<std::string> guilty_files(const config::LoadResult& loaded, const std::vector<std::string>& names) {
  std::set<std::string> guilty;
  for (const std::string& name : names) guilty.merge(guilty_files(loaded, name));
  return guilty;
}

void show_findings(const config::LoadResult& loaded, const std::set<std::string>& files) {
  for (const config::Finding& finding : loaded.findings)
    if (files.contains(finding.position.file)) write_err(finding_text(finding, ""));
}

}  // namespace

config::LoadRequest load_request(const Context& context) {
  return {.sources = context.paths.sources,
          .sources_may_be_missing = !context.profiles_chosen,
          .overrides = context.paths.overrides,
          .home = context.paths.home,
          .user = context.user,
          .env = context.env};
}

config::LoadResult load_profiles(const Context& context) {
  return config::load(load_request(context));
}

bool is_pattern(const std::string& name) {
  return name.starts_with('@') || name.find_first_of("*?[") != std::string::npos;
}

Selection choose_profiles(const config::LoadResult& loaded, const std::vector<std::string>& names,
                          const Context& context) {
  if (no_profiles(loaded, context))
    return {.names = {}, .exit_code = report_no_profiles(context)};
  auto selected = select_profiles(loaded.catalog, names);
  // A group's member that was left out, or nothing to choose from: whatever is wrong is the reason.
  const bool all_guilty =
      loaded.catalog.profiles.empty() || (!selected && selected.error().code == ErrorCode::profile_invalid);
  const std::set<std::string> guilty =
      all_guilty ? broken_files(loaded) : guilty_files(loaded, selected ? *selected : names);
  if (!guilty.empty()) {
    show_findings(loaded, guilty);
    return {.names = {}, .exit_code = exit_code_of(ErrorCode::profile_invalid)};
  }
  warn_of_mistakes(loaded, guilty, context);
  if (!selected) return {.names = {}, .exit_code = report(selected.error(), context)};
  return {.names = std::move(*selected), .exit_code = 0};
}

void warn_of_mistakes(const config::LoadResult& loaded, const std::set<std::string>& except,
                      const Context& context) {
  std::map<std::string, std::int64_t> counts;
  for (const config::Finding& finding : loaded.findings)
    if (!finding.warning && !except.contains(finding.position.file)) ++counts[finding.position.file];
  for (const auto& [file, count] : counts)
    warn(short_path(file, context.cwd, context.paths.home) + " has " + count_text(count, "mistake") +
             ": run \"tunneld check\"",
         context);
}

bool no_profiles(const config::LoadResult& loaded, const Context& context) {
  return loaded.files.empty() && !loaded.has_errors() && !context.profiles_chosen;
}

int report_no_profiles(const Context& context) {
  const std::string folder = context.paths.sources.empty() ? "" : context.paths.sources.front();
  const int exit_code =
      report(make_error(ErrorCode::no_such_profile, "there are no profile files yet",
                        "looked for *.yaml and *.yml in " + join(context.paths.sources, ", "),
                        "put a first one there, for example as " + folder + "/first.yaml:"),
             context);
  write_err(kFirstProfile);
  return exit_code;
}

}  // namespace tunneld::cli
