// Tools of the section readers: a node of the tree to a typed value, with a finding for whatever is wrong.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "config/definitions.h"
#include "config/expand.h"
#include "config/report.h"
#include "config/yaml_tree.h"

namespace tunneld::config {

// No list of a profile needs more; it bounds what a few lines with aliases can multiply to.
constexpr std::size_t kMaxListItems = 64;

// A key that a map may hold, and who reads its value.
struct Key {
  std::string_view name;
  std::function<void(const Node& value)> read;
  // Called with the key's place as well, where the finding belongs to the key.
  std::function<void(const Node& value, const Spot& key)> read_with_key = {};
  bool may_be_empty = false;  // `hosts:` with nothing behind it
};

enum class Variables { expanded, refused };

struct Reader {
  Report& report;
  Expander& expander;
  FileDefinition& file;

  // `what`: "a host", for messages. Reports keys that are not in `keys`, with the nearest or the place they
  // belong to, and keys that would hold a secret. False if there were such.
  bool map(const Node& node, std::string_view what, const std::vector<Key>& keys);
  // Each entry of a map keyed by names. `sound` is false when the name is none or stands twice, which is
  // reported.
  void named(const Node& node, std::string_view what,
             const std::function<void(const Node& key, const Node& value, bool sound)>& read);

  bool is_kind(const Node& node, Node::Kind kind, std::string_view expected);
  // Text without ${. Nothing after a finding.
  std::optional<std::string> text(const Node& node);
  std::optional<std::string> word(const Node& node, std::optional<Error> (*check)(std::string_view));
  Setting<bool> boolean(const Node& node);
  Setting<int> integer(const Node& node, int least, int most);
  Setting<std::uint16_t> port(const Node& node);
  Setting<Duration> duration_or_never(const Node& node);
  Setting<Milliseconds> duration(const Node& node, Milliseconds least);
  // user, hostname: variables, then the rules for words.
  Setting<std::string> expanded_word(const Node& node, std::optional<Error> (*check)(std::string_view));
  Setting<std::string> path(const Node& node);
  Setting<std::string> one_of(const Node& node, const std::vector<std::string>& allowed);
  // Each item of a list, of the first kMaxListItems.
  void items(const Node& node, const std::function<void(const Node& item)>& read);
  // Items in order, those that are wrong left out.
  std::vector<Placed<std::string>> texts(const Node& node);
  // One path or a list of them.
  Setting<std::vector<std::string>> paths(const Node& node, Variables variables);
  Setting<std::vector<std::string>> list_of(const Node& node, const std::vector<std::string>& allowed);
  Setting<std::vector<std::string>> names(const Node& node, std::string_view what);
  Setting<Endpoint> endpoint(const Node& node, PortZero zero);
  // Expands a unix path, and refuses one longer than a socket's name can be (sun_path, 107 bytes).
  std::optional<Endpoint> finish_endpoint(Endpoint endpoint, const Spot& spot);

  // Reports `error` at the spot.
  void fault(const Spot& spot, const Error& error);
};

// Letters, digits, '.', '_', '-', with a letter or digit first, at most 64: names of profiles, hosts, groups,
// tags...
bool is_name(std::string_view text);

// The map lacks the key, and none of its keys looks like that one misspelt.
bool is_missing(const Node& map, const std::string& key);

// The sections. Each appends to the reader's file.
void read_file(Reader& reader, const Node& root);
DefaultsDefinition read_defaults(Reader& reader, const Node& node);
HostDefinition read_host(Reader& reader, const Node& key, const Node& node);
ProfileDefinition read_profile(Reader& reader, const Node& key, const Node& node);
ForwardDefinition read_forward(Reader& reader, const Node& key, const Node& node);
void read_command(Reader& reader, const Node& node);  // argv; checked, not kept
void read_pools(Reader& reader, const Node& node, const Spot& key);
void read_secrets(Reader& reader, const Node& node, const Spot& key);
void read_groups(Reader& reader, const Node& node);

// Keys that several sections take.
std::vector<Key> host_setting_keys(Reader& reader, HostSettings& settings);
std::vector<Key> profile_setting_keys(Reader& reader, ProfileSettings& settings);

}  // namespace tunneld::config
