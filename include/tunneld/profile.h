// The profile model: what YAML files say, resolved (includes merged, defaults applied, variables expanded).
// Values only; src/config makes them, the daemon works from them.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace tunneld {

// Lines and columns count from 1; a column counts characters (Unicode code points), not bytes.
struct SourcePosition {
  std::string file;
  int line = 0;
  int column = 0;
  bool operator==(const SourcePosition&) const = default;
};

// "file:line:column"; "file" alone when the line is 0.
std::string to_string(const SourcePosition& position);

// Where a forward listens or goes on to: a TCP host and port, or a unix socket's path.
struct Endpoint {
  enum class Kind { tcp, unix_socket };
  Kind kind = Kind::tcp;
  std::string host;        // name or address without brackets; "localhost" listens on 127.0.0.1 and ::1, "*" on every address
  std::uint16_t port = 0;  // 0 in a listen endpoint: the system chooses
  std::string path;        // unix_socket only; absolute
  bool operator==(const Endpoint&) const = default;
};

// "127.0.0.1:5432", "[::1]:5432", "unix:/run/x.sock"
std::string to_string(const Endpoint& endpoint);
// "host:port" with brackets round an IPv6 address.
std::string host_and_port(const std::string& host, std::uint16_t port);

enum class StrictHostKeyChecking { yes, ask, accept_new };

using Milliseconds = std::chrono::milliseconds;

// One SSH server, as one profile reaches it.
struct Host {
  std::string name;      // how the profile's hop names it
  std::string host;      // what it is called under `hosts`; a bare host's own name
  std::string hostname;  // what is resolved or dialled
  std::uint16_t port = 22;
  std::string user;
  std::vector<std::string> identity_files;     // absolute; empty: the usual names in ~/.ssh
  std::vector<std::string> certificate_files;  // absolute
  // Not set: the caller's SSH_AUTH_SOCK. "none": no agent. Otherwise a socket's absolute path.
  std::optional<std::string> identity_agent;
  bool identities_only = false;
  std::vector<std::string> host_keys;  // pins: "SHA256:<base64 without padding>"
  std::string host_key_alias;
  StrictHostKeyChecking strict_host_key_checking = StrictHostKeyChecking::ask;
  std::vector<std::string> ciphers;  // empty: tunneld's own list
  std::vector<std::string> preferred_authentications;
  Milliseconds connect_timeout{10'000};
  std::optional<Milliseconds> server_alive_interval{15'000};  // not set: never
  int server_alive_count_max = 3;
  std::vector<std::string> tags;
  SourcePosition position;  // of the hop in the profile's list (of the host itself in Catalog::hosts)
  bool operator==(const Host&) const = default;
};

struct Forward {
  std::string name;
  Endpoint listen;
  Endpoint connect;
  std::string app;  // "postgresql", ...; empty when not said
  SourcePosition position;
  bool operator==(const Forward&) const = default;
};

// Who on this machine may connect to a profile's listeners.
struct Access {
  enum class Kind { same_user, any, users };
  Kind kind = Kind::same_user;
  std::vector<std::string> users;  // Kind::users: names of users of this machine
  bool operator==(const Access&) const = default;
};

struct Reconnect {
  Milliseconds initial_delay{500};
  Milliseconds max_delay{30'000};
  bool operator==(const Reconnect&) const = default;
};

struct Profile {
  std::string name;
  std::string description;
  std::vector<std::string> tags;
  std::vector<Host> hops;  // from you to the target; at least one
  std::vector<Forward> forwards;
  bool on_demand = false;
  std::optional<Milliseconds> idle_timeout;  // not set: never
  Milliseconds hold_timeout{10'000};
  int max_connections = 1024;
  Access access;
  Reconnect reconnect;
  std::set<std::string> files;  // every file that had a say in it
  SourcePosition position;
  bool operator==(const Profile&) const = default;
};

// Everything that a set of profile files says.
struct Catalog {
  std::map<std::string, Profile> profiles;
  std::map<std::string, Host> hosts;
  std::map<std::string, std::vector<std::string>> groups;  // members are profile names
};

}  // namespace tunneld
