#include "config/names.h"

#include <algorithm>

#include "core/nearest.h"

namespace tunneld::config {
namespace {

template <typename T>
void add(std::map<std::string, Defined<T>>& names, const T& definition, bool overrides, std::string_view what,
         Report& report) {
  Defined<T>& defined = names[definition.name];
  const T*& slot = overrides ? defined.override : defined.base;
  if (slot == nullptr) {
    slot = &definition;
    defined.first = defined.base != nullptr ? defined.base : defined.override;
    return;
  }
  if (slot->spot.source == definition.spot.source) return;  // a key that stands twice: the tree has said so
  defined.twice = true;
  report.error(definition.spot,
               std::string(what) + " " + in_quotes(definition.name) + " is already defined at " +
                   to_string(position_of(slot->spot)),
               "rename one of the two, or take one away");
}

void check_references(const std::vector<FileDefinition>& files, const Names& names, Report& report) {
  std::set<std::string> secrets;
  std::set<std::string> tags;
  for (const FileDefinition& file : files) {
    for (const Placed<std::string>& secret : file.secrets) secrets.insert(secret.value);
    for (const HostDefinition& host : file.hosts)
      if (host.tags) tags.insert(host.tags->value.begin(), host.tags->value.end());
  }
  const std::vector<std::string> hosts = keys_of(names.hosts);
  const auto check = [&report](const Reference& reference, const std::vector<std::string>& known,
                               const std::string& what, const std::string& where) {
    if (std::binary_search(known.begin(), known.end(), reference.name)) return;
    report.error(reference.spot, "no " + what + " is named " + in_quotes(reference.name),
                 nearest_fix(reference.name, known, report, "define it under `" + where + ":`"));
  };
  const std::vector<std::string> known_secrets(secrets.begin(), secrets.end());
  const std::vector<std::string> known_tags(tags.begin(), tags.end());
  for (const FileDefinition& file : files) {
    for (const Reference& reference : file.references) {
      switch (reference.kind) {
        case Reference::Kind::secret:
          check(reference, known_secrets, "secret", "secrets");
          break;
        case Reference::Kind::host:
          check(reference, hosts, "host", "hosts");
          break;
        case Reference::Kind::host_tag:
          check(reference, known_tags, "host's tag", "hosts");
          break;
      }
    }
  }
}

void check_groups(const std::vector<FileDefinition>& files, const Names& names, Report& report) {
  const std::vector<std::string> profiles = keys_of(names.profiles);
  for (const FileDefinition& file : files)
    for (const NameList& group : file.groups)
      for (const Placed<std::string>& member : group.members)
        if (!names.profiles.contains(member.value))
          report.error(member.spot, "no profile is named " + in_quotes(member.value),
                       nearest_fix(member.value, profiles, report, "define it under `profiles:`"));
}

void check_secret_names(const std::vector<FileDefinition>& files, Report& report) {
  std::map<std::string, const Spot*> seen;
  for (const FileDefinition& file : files) {
    if (file.overrides) continue;
    for (const Placed<std::string>& secret : file.secrets) {
      const auto [first, added] = seen.emplace(secret.value, &secret.spot);
      if (!added && first->second->source != secret.spot.source)
        report.error(secret.spot,
                     "secret " + in_quotes(secret.value) + " is already defined at " +
                         to_string(position_of(*first->second)),
                     "rename one of the two, or take one away");
    }
  }
}

}  // namespace

std::string nearest_fix(const std::string& name, const std::vector<std::string>& known, const Report& report,
                        const std::string& otherwise) {
  if (report.full()) return otherwise;
  const auto near = nearest(name, known);
  return near ? "did you mean " + in_quotes(*near) + "?" : otherwise;
}

Names collect_names(const std::vector<FileDefinition>& files, Report& report) {
  Names names;
  for (const FileDefinition& file : files) {
    for (const auto& host : file.hosts) add(names.hosts, host, file.overrides, "host", report);
    for (const auto& profile : file.profiles) add(names.profiles, profile, file.overrides, "profile", report);
    for (const auto& group : file.groups) add(names.groups, group, file.overrides, "group", report);
    for (const auto& pool : file.pools) add(names.pools, pool, file.overrides, "pool", report);
  }
  for (const auto& [name, pool] : names.pools)
    if (names.hosts.contains(name))
      report.error(pool.any().spot, "pool " + in_quotes(name) + " has the name of a host",
                   "rename one of the two");
  check_secret_names(files, report);
  check_references(files, names, report);
  check_groups(files, names, report);
  return names;
}

}  // namespace tunneld::config
