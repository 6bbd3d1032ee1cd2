#include "config/scopes.h"

#include <algorithm>

namespace tunneld::config {
namespace {

bool holds(const std::vector<std::size_t>& list, std::size_t value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

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

// `from` and what its links lead to, breadth first.
std::vector<std::size_t> Scopes::reachable(std::size_t from, Links links) const {
  std::vector<std::size_t> found{from};
  std::vector<bool> seen(files_.size());
  seen[from] = true;
  for (std::size_t i = 0; i < found.size(); ++i)
    for (const std::size_t next : files_[found[i]].*links) {
      if (!seen[next]) found.push_back(next);
      seen[next] = true;
    }
  return found;
}

const std::vector<const DefaultsDefinition*>& Scopes::defaults(std::size_t file, std::size_t user) {
  const auto [entry, added] = defaults_.try_emplace({file, user});
  if (!added) return entry->second;
  std::vector<const DefaultsDefinition*>& result = entry->second;
  for (const FileDefinition& candidate : files_)
    if (candidate.overrides) result.push_back(&candidate.defaults);
  const std::vector<std::size_t> above = reachable(file, &FileDefinition::included_by);
  const std::vector<std::size_t> above_user = reachable(user, &FileDefinition::included_by);
  const bool on_a_way = holds(above, user);
  for (const std::size_t candidate : above) {
    if (files_[candidate].overrides) continue;
    const bool counts = !on_a_way || holds(above_user, candidate) ||
                        holds(reachable(candidate, &FileDefinition::included_by), user);
    if (counts) result.push_back(&files_[candidate].defaults);
  }
  return result;
}

bool Scopes::sound(std::size_t file) {
  const auto [entry, added] = sound_.try_emplace(file, true);
  if (!added) return entry->second;
  const auto faulty = [this](std::size_t index) { return has_fault(files_[index]); };
  const std::vector<std::size_t> above = reachable(file, &FileDefinition::included_by);
  const std::vector<std::size_t> below = reachable(file, &FileDefinition::includes);
  const bool overrides_faulty = std::any_of(
      files_.begin(), files_.end(),
      [](const FileDefinition& candidate) { return candidate.overrides && has_fault(candidate); });
  entry->second = !overrides_faulty && std::none_of(above.begin(), above.end(), faulty) &&
                  std::none_of(below.begin(), below.end(), faulty);
  return entry->second;
}

}  // namespace tunneld::config
