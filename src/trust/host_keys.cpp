#include "trust/host_keys.h"

#include <algorithm>

#include "trust/key_blob.h"
#include "trust/known_hosts_append.h"

namespace tunneld::trust {
namespace {

bool same_key(const KnownKey& known, const HostKey& key) {
  return known.type == key.type && known.blob_base64 == key.blob_base64;
}

std::string without_padding(std::string_view pin) {
  while (pin.ends_with('=')) pin.remove_suffix(1);
  return std::string(pin);
}

// From the key itself: what the server side of the contract put beside it is for display.
bool is_pinned(const std::vector<std::string>& pins, const std::string& blob_base64) {
  const std::string fingerprint = fingerprint_sha256(blob_base64);
  return !fingerprint.empty() && std::any_of(pins.begin(), pins.end(), [&fingerprint](const std::string& pin) {
    return without_padding(pin) == fingerprint;
  });
}

HostKeyVerdict check_pins(HostKeyVerdict verdict, const std::vector<std::string>& pins, const HostKey& key) {
  if (is_pinned(pins, key.blob_base64)) {
    verdict.status = HostKeyStatus::pinned;
    verdict.known_type = key.type;
    verdict.known_fingerprint = fingerprint_sha256(key.blob_base64);
    return verdict;
  }
  verdict.status = HostKeyStatus::changed;
  for (const std::string& pin : pins)
    verdict.known_fingerprint += (verdict.known_fingerprint.empty() ? "" : ", ") + without_padding(pin);
  return verdict;
}

HostKeyVerdict decided_by(HostKeyVerdict verdict, HostKeyStatus status, const std::string& file,
                          const KnownKey& known) {
  verdict.status = status;
  verdict.file = file;
  verdict.line = known.line;
  verdict.known_type = known.type;
  verdict.known_fingerprint = fingerprint_sha256(known.blob_base64);
  return verdict;
}

std::string damage_text(const std::string& file, const KnownKey& line) {
  return "cannot use " + file + ":" + std::to_string(line.line) + ": " + line.damage;
}

}  // namespace

HostKeyFiles usual_host_key_files(const std::string& own, const std::string& home) {
  return {own,
          {home + "/.ssh/known_hosts", home + "/.ssh/known_hosts2"},
          {"/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"}};
}

HostKeys::HostKeys(const HostKeyFiles& files) {
  files_.emplace_back(files.own);
  for (const std::string& path : files.user) files_.emplace_back(path);
  for (const std::string& path : files.machine) files_.emplace_back(path);
}

void HostKeys::refresh() {
  for (KnownHostsFile& file : files_) file.refresh();
}

std::vector<HostKeys::Found> HostKeys::find(const std::string& name, NameKind kind, Marker marker,
                                            bool with_own) const {
  std::vector<Found> all;
  for (const KnownHostsFile& file : files_) {
    if (!with_own && &file == &files_.front()) continue;
    for (const KnownKey* key : file.hosts().find(name, kind))
      if (key->marker == marker) all.push_back({&file.path(), key});
  }
  return all;
}

std::optional<HostKeys::Found> HostKeys::find_revoked(const HostKeyNames& names, const HostKey& key) const {
  std::optional<Found> in_doubt;
  for (const std::string& name : names.revocable) {
    // As a plain name, so that a pattern without a path refuses here as well.
    for (const Found& found : find(name, NameKind::plain, Marker::revoked, true)) {
      if (same_key(*found.key, key)) return found;
      const bool may_mean_it = found.key->type.empty() || found.key->type == key.type;
      if (found.key->blob_base64.empty() && may_mean_it && !in_doubt) in_doubt = found;
    }
  }
  return in_doubt;
}

std::string HostKeys::problem_for(const HostKeyNames& names) const {
  for (const KnownHostsFile& file : files_)
    if (!file.problem().empty()) return file.problem();
  for (const std::string& name : {names.name, names.kind == NameKind::scoped ? names.plain : names.name}) {
    const std::vector<Found> unreadable = find(name, NameKind::plain, Marker::unreadable, true);
    if (!unreadable.empty()) return damage_text(*unreadable.front().file, *unreadable.front().key);
  }
  return {};
}

HostKeyVerdict HostKeys::check(const HostKeyQuery& query, const HostKey& key) {
  refresh();
  const HostKeyNames names = names_of(query);
  HostKeyVerdict verdict;
  verdict.name = names.name;
  verdict.problem = problem_for(names);
  if (const auto revoked = find_revoked(names, key)) {
    if (!revoked->key->damage.empty()) verdict.problem = damage_text(*revoked->file, *revoked->key);
    return decided_by(verdict, HostKeyStatus::revoked, *revoked->file, *revoked->key);
  }
  if (!query.pins.empty()) return check_pins(verdict, query.pins, key);

  std::vector<Found> found = find(names.name, names.kind, Marker::none, true);
  HostKeyStatus when_equal = HostKeyStatus::known;
  if (found.empty() && names.kind == NameKind::scoped) {
    found = find(names.plain, NameKind::plain, Marker::none, false);
    when_equal = HostKeyStatus::known_unscoped;
  }
  if (found.empty()) return verdict;
  for (const Found& line : found)
    if (same_key(*line.key, key)) return decided_by(verdict, when_equal, *line.file, *line.key);
  // The line of the same type tells the person most.
  const auto same_type = std::find_if(found.begin(), found.end(),
                                      [&key](const Found& line) { return line.key->type == key.type; });
  const Found& other = same_type != found.end() ? *same_type : found.front();
  return decided_by(verdict, HostKeyStatus::changed, *other.file, *other.key);
}

std::vector<std::string> HostKeys::known_types(const HostKeyQuery& query) {
  refresh();
  const HostKeyNames names = names_of(query);
  std::vector<Found> found = find(names.name, names.kind, Marker::none, true);
  if (names.kind == NameKind::scoped) {
    const std::vector<Found> plain = find(names.plain, NameKind::plain, Marker::none, false);
    found.insert(found.end(), plain.begin(), plain.end());
  }
  // A line of a key that is not pinned must not make the server show that one.
  if (!query.pins.empty())
    std::erase_if(found, [&query](const Found& line) { return !is_pinned(query.pins, line.key->blob_base64); });
  std::vector<std::string> types;
  for (const Found& line : found)
    if (std::find(types.begin(), types.end(), line.key->type) == types.end()) types.push_back(line.key->type);
  return types;
}

std::string HostKeys::record(const HostKeyQuery& query, const HostKey& key) {
  return append_known_host(files_.front().path(), names_of(query).name, key);
}

std::vector<std::string> HostKeys::problems() {
  refresh();
  std::vector<std::string> texts;
  for (const KnownHostsFile& file : files_) {
    if (!file.problem().empty()) texts.push_back(file.problem());
    const KnownHosts& hosts = file.hosts();
    if (hosts.skipped_count() == 0) continue;
    const SkippedLine& first = hosts.skipped().front();
    texts.push_back(file.path() + ": " + std::to_string(hosts.skipped_count()) +
                    (hosts.skipped_count() == 1 ? " line" : " lines") + " skipped, the first is line " +
                    std::to_string(first.line) + " (" + first.reason + ")");
  }
  return texts;
}

}  // namespace tunneld::trust
