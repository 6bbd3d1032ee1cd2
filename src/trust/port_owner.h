// Which process is behind a local socket: for "port 5432 is taken by postgres (pid 812)" and for the clients
// that `down` names. Reads /proc (proc_net(5)); milliseconds, so for errors and talk, not for each
// connection.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace tunneld::trust {

struct SocketOwner {
  pid_t pid = 0;     // 0: not ours to see (a process of another user)
  std::string name;  // the process's short name (comm); empty when pid is 0
  uid_t uid = 0;     // of the socket
  std::string user;  // that user's name; empty when it has none
};

// "postgres (pid 812)", "a process of user alice", "a process of uid 1234".
std::string to_string(const SocketOwner& owner);

// Who keeps `address`:`port` from being bound. `address`: numeric IPv4 or IPv6, or "localhost". A listener on
// 0.0.0.0 or
// [::] owns every address of its port; a request for one of these is met by a listener on any address.
std::optional<SocketOwner> find_listener(std::string_view address, std::uint16_t port);

// Who listens on the unix socket at `path` (absolute). Also sees sockets that bind_private_socket made.
std::optional<SocketOwner> find_unix_listener(const std::string& path);

// The processes that hold the sockets with these inodes, by inode; the oldest one when several hold one. Those that none
// does that we may look into are not there. Looks at /proc once, however many are asked for.
struct Process {
  pid_t pid = 0;
  std::string name;
};
std::map<std::uint64_t, Process> find_processes(std::set<std::uint64_t> inodes);

}  // namespace tunneld::trust
