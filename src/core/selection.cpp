#include "core/selection.h"

#include <fnmatch.h>

#include <algorithm>
#include <set>

#include "core/nearest.h"

namespace tunneld {
namespace {

std::vector<std::string> profile_names(const Catalog& catalog) {
  std::vector<std::string> names;
  for (const auto& [name, profile] : catalog.profiles) names.push_back(name);
  return names;
}

tl::unexpected<Error> no_such(const std::string& message, const std::string& word,
                              const std::vector<std::string>& known, const std::string& prefix) {
  Error error{ErrorCode::no_such_profile, message, {}, {}, {}};
  if (const auto near = nearest(word, known)) {
    error.fix = "did you mean " + prefix + *near + "?";
  } else if (known.empty()) {
    error.fix = "no profile file defines one: see `tunneld check`";
  } else {
    error.fix = "known are:";
    constexpr std::size_t kShown = 8;  // a line's worth
    for (std::size_t i = 0; i < std::min(known.size(), kShown); ++i) error.fix += " " + prefix + known[i];
    if (known.size() > kShown) error.fix += " ...";
  }
  return fail(std::move(error));
}

Result<std::vector<std::string>> members(const Catalog& catalog, const std::string& name) {
  if (const auto group = catalog.groups.find(name); group != catalog.groups.end()) {
    const auto broken =
        std::find_if(group->second.begin(), group->second.end(),
                     [&catalog](const std::string& member) { return !catalog.profiles.contains(member); });
    if (broken == group->second.end()) return group->second;
    const std::string message = "profile " + *broken + " of group @" + name + " has errors";
    return refuse(message, "see `tunneld check`");
  }
  std::vector<std::string> found;
  std::set<std::string> known;
  for (const auto& [group, ignored] : catalog.groups) known.insert(group);
  for (const auto& [profile_name, profile] : catalog.profiles) {
    known.insert(profile.tags.begin(), profile.tags.end());
    if (std::find(profile.tags.begin(), profile.tags.end(), name) != profile.tags.end())
      found.push_back(profile_name);
  }
  if (found.empty())
    return no_such("no group or tag is named @" + name, name, {known.begin(), known.end()}, "@");
  return found;
}

Result<std::vector<std::string>> expand(const Catalog& catalog, const std::string& name) {
  if (!name.empty() && name.front() == '@') return members(catalog, name.substr(1));
  if (catalog.profiles.contains(name)) return std::vector<std::string>{name};
  const bool glob = name.find_first_of("*?[") != std::string::npos;
  std::vector<std::string> found;
  if (glob)
    for (const auto& [profile_name, profile] : catalog.profiles)
      if (fnmatch(name.c_str(), profile_name.c_str(), 0) == 0) found.push_back(profile_name);
  if (!found.empty()) return found;
  const std::string message = glob ? "no profile matches " + name : "no profile is named " + name;
  return no_such(message, name, profile_names(catalog), "");
}

}  // namespace

Result<std::vector<std::string>> select_profiles(const Catalog& catalog,
                                                 const std::vector<std::string>& names) {
  std::vector<std::string> selected;
  std::set<std::string> seen;
  for (const std::string& name : names) {
    Result<std::vector<std::string>> found = expand(catalog, name);
    if (!found) return found;
    for (std::string& profile : *found)
      if (seen.insert(profile).second) selected.push_back(std::move(profile));
  }
  return selected;
}

}  // namespace tunneld
