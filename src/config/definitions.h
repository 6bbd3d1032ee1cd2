// What the files say, typed and with places, before it is resolved: the model's first half. A setting that is
// absent or wrong is empty; wrong ones were reported and mark their owner `bad`.
#pragma once

#include <tunneld/profile.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/source.h"
#include "core/endpoint.h"

namespace tunneld::config {

template <typename T>
struct Placed {
  T value;
  Spot spot;
};
template <typename T>
using Setting = std::optional<Placed<T>>;

using Duration = std::optional<Milliseconds>;  // no value: never

// Of a host, but defaults and profiles may say them too.
struct HostSettings {
  Setting<std::string> user;
  Setting<std::uint16_t> port;
  Setting<std::vector<std::string>> identity_files;
  Setting<std::vector<std::string>> certificate_files;
  Setting<std::optional<std::string>> identity_agent;
  Setting<bool> identities_only;
  Setting<StrictHostKeyChecking> strict_host_key_checking;
  Setting<std::vector<std::string>> ciphers;
  Setting<std::vector<std::string>> preferred_authentications;
  Setting<Milliseconds> connect_timeout;
  Setting<Duration> server_alive_interval;
  Setting<int> server_alive_count_max;
};

// Of a profile, but defaults may say them too.
struct ProfileSettings {
  Setting<bool> on_demand;
  Setting<Duration> idle_timeout;
  Setting<Milliseconds> hold_timeout;
  Setting<int> max_connections;
  Setting<Access> access;
  Setting<Milliseconds> initial_delay;
  Setting<Milliseconds> max_delay;
};

struct DefaultsDefinition {
  HostSettings host;
  ProfileSettings profile;
  bool bad = false;
};

struct HostDefinition {
  std::string name;
  Spot spot;
  HostSettings settings;
  Setting<std::string> hostname;
  Setting<std::vector<std::string>> host_keys;
  Setting<std::string> host_key_alias;
  Setting<std::vector<std::string>> tags;
  Setting<bool> via;  // said at all
  bool bad = false;
};

struct HopDefinition {
  std::string text;
  HopWord word;
  Spot spot;
};

enum class ForwardType { local, dynamic, remote };

struct ForwardDefinition {
  std::string name;
  Spot spot;
  Setting<ForwardType> type;
  Setting<Endpoint> listen;
  Setting<Endpoint> connect;
  Setting<std::string> app;
  bool listen_missing = false;  // really missing: neither wrong nor misspelt
  bool connect_missing = false;
  bool bad = false;
};

struct ProfileDefinition {
  std::string name;
  Spot spot;
  Setting<std::string> description;
  Setting<std::vector<std::string>> tags;
  Setting<std::vector<HopDefinition>> hops;
  bool hops_missing = false;  // really missing: neither wrong nor misspelt
  std::vector<ForwardDefinition> forwards;
  HostSettings host;
  ProfileSettings settings;
  bool bad = false;
};

struct NameList {  // a group or a pool
  std::string name;
  Spot spot;
  std::vector<Placed<std::string>> members;
  bool bad = false;
};

// A name that must be defined somewhere, in whatever file.
struct Reference {
  enum class Kind { secret, host, host_tag } kind;
  std::string name;
  Spot spot;
};

struct FileDefinition {
  const Source* source = nullptr;
  bool overrides = false;             // overrides.yaml or included by it
  bool failed = false;                // nothing, or not everything, of it is known
  bool bad = false;                   // no profile that builds on it can be trusted to mean what was meant
  std::vector<std::size_t> includes;  // indices of files
  std::vector<std::size_t> included_by;
  DefaultsDefinition defaults;
  std::vector<HostDefinition> hosts;
  std::vector<ProfileDefinition> profiles;
  std::vector<NameList> groups;
  std::vector<NameList> pools;
  std::vector<Placed<std::string>> secrets;
  std::vector<Placed<std::string>> include_patterns;
  std::vector<Reference> references;
};

}  // namespace tunneld::config
