#include "config/scopes.h"

#include <algorithm>

namespace tunneld::config {
namespace {

bool has_fault(const FileDefinition& file) {
  return file.failed || file.bad || file.defaults.bad;
}

}  // namespace

Scopes::Scopes(const std::vector<FileDefinition>& files) : files_(files) {
  for (std::size_t i = 0; i < files.size(); ++i) {
    by_source_[files[i].source] = i;
    some_failed_ = some_failed_ || files[i].failed;
  }
}

// What `from` includes or is included by, breadth first. Asked again for each pair of files, of which there are many.
const Scopes::Reached& Scopes::reachable(std::size_t from, Links links) {
  auto& known = links == &FileDefinition::includes ? below_ : above_;
  const auto [entry, added] = known.try_emplace(from);
  Reached& reached = entry->second;
  if (!added) return reached;
  reached.files.push_back(from);
  reached.holds.resize(files_.size());
  reached.holds[from] = true;
  for (std::size_t i = 0; i < reached.files.size(); ++i)
    for (const std::size_t next : files_[reached.files[i]].*links) {
      if (!reached.holds[next]) reached.files.push_back(next);
      reached.holds[next] = true;
    }
  return reached;
}

const std::vector<const DefaultsDefinition*>& Scopes::defaults(std::size_t file, std::size_t user) {
  const auto [entry, added] = defaults_.try_emplace({file, user});
  if (!added) return entry->second;
  std::vector<const DefaultsDefinition*>& result = entry->second;
  for (const FileDefinition& candidate : files_)
    if (candidate.overrides) result.push_back(&candidate.defaults);
  const Reached& above = reachable(file, &FileDefinition::included_by);
  const Reached& above_user = reachable(user, &FileDefinition::included_by);
  const Reached& below_user = reachable(user, &FileDefinition::includes);
  const bool on_a_way = above.holds[user];
  for (const std::size_t candidate : above.files) {
    if (files_[candidate].overrides) continue;
    if (!on_a_way || above_user.holds[candidate] || below_user.holds[candidate])
      result.push_back(&files_[candidate].defaults);
  }
  return result;
}

bool Scopes::sound(std::size_t file) {
  const auto [entry, added] = sound_.try_emplace(file, true);
  if (!added) return entry->second;
  const auto faulty = [this](std::size_t index) { return has_fault(files_[index]); };
  const std::vector<std::size_t>& above = reachable(file, &FileDefinition::included_by).files;
  const std::vector<std::size_t>& below = reachable(file, &FileDefinition::includes).files;
  const bool overrides_faulty = std::any_of(
      files_.begin(), files_.end(),
      [](const FileDefinition& candidate) { return candidate.overrides && has_fault(candidate); });
  entry->second = !overrides_faulty && std::none_of(above.begin(), above.end(), faulty) &&
                  std::none_of(below.begin(), below.end(), faulty);
  return entry->second;
}

}  // namespace tunneld::config
