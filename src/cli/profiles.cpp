#include "cli/profiles.h"

#include <fnmatch.h>

#include <algorithm>
#include <cctype>
#include <fstream>
#include <map>
#include <set>

#include "cli/findings.h"
#include "cli/output.h"
#include "cli/text.h"

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

std::vector<std::string> tagged(const Catalog& catalog, const std::string& tag) {
  std::vector<std::string> names;
  for (const auto& [name, profile] : catalog.profiles)
    if (std::find(profile.tags.begin(), profile.tags.end(), tag) != profile.tags.end()) names.push_back(name);
  return names;
}

std::vector<std::string> matching(const Catalog& catalog, const std::string& pattern) {
  if (catalog.profiles.contains(pattern)) return {pattern};
  if (pattern.starts_with('@')) {
    const auto group = catalog.groups.find(pattern.substr(1));
    return group != catalog.groups.end() ? group->second : tagged(catalog, pattern.substr(1));
  }
  std::vector<std::string> names;
  for (const auto& [name, profile] : catalog.profiles)
    if (is_pattern(pattern) && ::fnmatch(pattern.c_str(), name.c_str(), 0) == 0) names.push_back(name);
  return names;
}

std::vector<std::string> everything_to_name(const Catalog& catalog) {
  std::set<std::string> words;
  for (const auto& [name, profile] : catalog.profiles) {
    words.insert(name);
    for (const std::string& tag : profile.tags) words.insert("@" + tag);
  }
  for (const auto& [name, members] : catalog.groups) words.insert("@" + name);
  return {words.begin(), words.end()};
}

Error no_such_profile(const Catalog& catalog, const std::string& name) {
  const std::vector<std::string> words = everything_to_name(catalog);
  const std::string near = nearest(name, words);
  Error error = make_error(ErrorCode::no_such_profile,
                           is_pattern(name) ? "no profile matches " + name : "there is no profile " + name);
  constexpr std::size_t kListed = 10;  // more would hide the message
  if (!near.empty())
    error.fix = "did you mean " + near + "?";
  else if (words.empty())
    error.fix = "the profile files define no profile yet";
  else
    error.fix =
        "there are: " +
        join({words.begin(), words.begin() + static_cast<std::ptrdiff_t>(std::min(words.size(), kListed))},
             ", ") +
        (words.size() > kListed ? ", ..." : "");
  return error;
}

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

// Files with mistakes that concern these names: those that had a say in a profile, and those that may define
// a name which is not in the catalog.
std::set<std::string> guilty_files(const config::LoadResult& loaded, const std::vector<std::string>& names) {
  std::set<std::string> guilty;
  for (const std::string& file : broken_files(loaded)) {
    const bool concerns = std::any_of(names.begin(), names.end(), [&](const std::string& name) {
      const auto profile = loaded.catalog.profiles.find(name);
      if (profile != loaded.catalog.profiles.end()) return profile->second.files.contains(file);
      return file_mentions(file, name.starts_with('@') ? name.substr(1) : name);
    });
    if (concerns) guilty.insert(file);
  }
  return guilty;
}

void show_findings(const config::LoadResult& loaded, const std::set<std::string>& files,
                   const Context& context) {
  for (const config::Finding& finding : loaded.findings)
    if (files.contains(finding.position.file)) write_err(finding_text(finding, context));
}

}  // namespace

config::LoadRequest load_request(const Context& context) {
  return {.sources = context.paths.sources,
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

Result<std::vector<std::string>> expand_names(const Catalog& catalog, const std::vector<std::string>& names) {
  std::vector<std::string> expanded;
  for (const std::string& name : names) {
    const std::vector<std::string> found = matching(catalog, name);
    if (found.empty()) return fail(no_such_profile(catalog, name));
    for (const std::string& profile : found)
      if (std::find(expanded.begin(), expanded.end(), profile) == expanded.end()) expanded.push_back(profile);
  }
  return expanded;
}

Selection select_profiles(const config::LoadResult& loaded, const std::vector<std::string>& names,
                          const Context& context) {
  if (loaded.files.empty() && !context.profiles_chosen)
    return {.names = {}, .exit_code = report_no_profiles(context)};
  auto expanded = expand_names(loaded.catalog, names);
  std::vector<std::string> concerned = names;
  if (expanded) concerned = *expanded;
  // With nothing to choose from, whatever is wrong is the reason.
  const std::set<std::string> guilty =
      loaded.catalog.profiles.empty() ? broken_files(loaded) : guilty_files(loaded, concerned);
  if (!guilty.empty()) {
    show_findings(loaded, guilty, context);
    return {.names = {}, .exit_code = exit_code_of(ErrorCode::profile_invalid)};
  }
  warn_of_mistakes(loaded, guilty, context);
  if (!expanded) return {.names = {}, .exit_code = report(expanded.error(), context)};
  return {.names = std::move(*expanded), .exit_code = 0};
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
