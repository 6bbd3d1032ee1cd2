// A whole file: its sections, and the small ones among them.
#include <algorithm>
#include <utility>

#include "config/reader.h"

namespace tunneld::config {
namespace {

bool read_version(Reader& reader, const Node& node) {
  const auto version = reader.text(node);
  if (version && *version != "1")
    reader.report.error(node.spot, "version " + in_quotes(*version) + " is not known", "write `version: 1`");
  return version && *version == "1";
}

void read_pool(Reader& reader, const Node& key, const Node& node) {
  NameList pool{key.text, key.spot, {}, false};
  bool members = false;
  bool tag = false;
  reader.map(
      node, "a pool",
      {{"members",
        [&](const Node& value) {
          members = true;
          pool.members = reader.texts(value);
          for (const auto& member : pool.members)
            reader.file.references.push_back({Reference::Kind::host, member.value, member.spot});
        }},
       {"tag",
        [&](const Node& value) {
          tag = true;
          if (auto text = reader.text(value))
            reader.file.references.push_back({Reference::Kind::host_tag, *std::move(text), value.spot});
        }},
       {"policy",
        [&](const Node& value) {
          reader.one_of(value, {"first_available", "fastest"});
        }},
       {"retry_after", [&](const Node& value) { reader.duration(value, Milliseconds(1)); }}});
  if ((members && tag) || (is_missing(node, "members") && is_missing(node, "tag")))
    reader.report.error(key.spot, "a pool takes either members or a tag",
                        "name its hosts: {members: [a, b]}");
  reader.file.pools.push_back(std::move(pool));
}

void read_secret(Reader& reader, const Node& key, const Node& node) {
  const auto text = [&reader](const Node& value) { reader.text(value); };
  reader.map(node, "a secret",
             {{"prompt", text},
              {"command", [&](const Node& value) { read_command(reader, value); }},
              {"env", text},
              {"file", [&](const Node& value) { reader.paths(value, Variables::refused); }},
              {"keyring", text},
              {"vault", text}});
  if (node.kind == Node::Kind::map && !node.own_flaw && node.entries.size() != 1)
    reader.report.error(key.spot, "a secret takes exactly one source",
                        "keep prompt, command, env, file, keyring or vault");
  reader.file.secrets.push_back({key.text, key.spot});
}

void read_includes(Reader& reader, const Node& node) {
  if (node.kind == Node::Kind::null) return;
  const std::size_t errors = reader.report.error_count();
  for (Placed<std::string>& pattern : reader.texts(node)) {
    if (pattern.value.empty())
      reader.report.error(pattern.spot, "this file name is empty", "write a path relative to this file");
    else
      reader.file.include_patterns.push_back(std::move(pattern));
  }
  if (reader.report.error_count() != errors || node.flawed) reader.file.bad = true;
}

}  // namespace

void read_pools(Reader& reader, const Node& node, const Spot& key) {
  reader.report.not_built(key, "`pools`", "name one host of the pool as the hop");
  reader.named(node, "a pool",
               [&](const Node& name, const Node& pool, bool) { read_pool(reader, name, pool); });
}

void read_secrets(Reader& reader, const Node& node, const Spot& key) {
  reader.report.not_built(key, "`secrets`",
                          "use key files without a passphrase, or load the keys into ssh-agent");
  reader.named(node, "a secret",
               [&](const Node& name, const Node& secret, bool) { read_secret(reader, name, secret); });
}

void read_groups(Reader& reader, const Node& node) {
  reader.named(node, "a group", [&](const Node& name, const Node& members, bool sound) {
    const std::size_t errors = reader.report.error_count();
    NameList group{name.text, name.spot, reader.texts(members), false};
    group.bad = !sound || members.flawed || reader.report.error_count() != errors;
    reader.file.groups.push_back(std::move(group));
  });
}

void read_file(Reader& reader, const Node& root) {
  FileDefinition& file = reader.file;
  const auto hosts = [&](const Node& node) {
    // A hop whose host is not known would be taken for a bare host name.
    if (node.own_flaw || (node.kind != Node::Kind::map && node.kind != Node::Kind::null)) file.failed = true;
    reader.named(node, "a host", [&](const Node& key, const Node& value, bool sound) {
      file.hosts.push_back(read_host(reader, key, value));
      file.hosts.back().bad |= !sound;
    });
  };
  const auto profiles = [&](const Node& node) {
    reader.named(node, "a profile", [&](const Node& key, const Node& value, bool sound) {
      file.profiles.push_back(read_profile(reader, key, value));
      file.profiles.back().bad |= !sound;
    });
  };
  bool version_known = false;
  const bool all_known = reader.map(
      root, "a profile file",
      {{"version", [&](const Node& node) { version_known = read_version(reader, node); }},
       {"include", [&](const Node& node) { read_includes(reader, node); }, {}, true},
       {"defaults", [&](const Node& node) { file.defaults = read_defaults(reader, node); }, {}, true},
       {"secrets", {}, [&](const Node& node, const Spot& key) { read_secrets(reader, node, key); }, true},
       {"hosts", hosts, {}, true},
       {"pools", {}, [&](const Node& node, const Spot& key) { read_pools(reader, node, key); }, true},
       {"profiles", profiles, {}, true},
       {"groups", [&](const Node& node) { read_groups(reader, node); }, {}, true}});
  // What a section that nobody knows was meant to say, of hosts and their pins perhaps, is not known either.
  if (root.kind != Node::Kind::map || root.own_flaw || !all_known) file.failed = true;
  for (const Entry& section : root.entries) file.failed |= section.twice;
  file.bad |= !version_known;
  if (is_missing(root, "version"))
    reader.report.error({file.source, {1, 1, 1}}, "`version` is missing", "begin the file with `version: 1`");
}

}  // namespace tunneld::config
