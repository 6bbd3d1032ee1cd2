// Who is behind an accepted TCP connection from this machine: the kernel is asked whose socket the other end
// is (NETLINK_SOCK_DIAG, sock_diag(7)). A few microseconds; /proc/net/tcp would take milliseconds with many
// connections. For unix sockets there is SO_PEERCRED (peer_uid in private_dir.h).
#pragma once

#include <sys/socket.h>
#include <sys/types.h>
#include <tunneld/profile.h>

#include <cstdint>
#include <optional>

#include "core/result.h"
#include "core/unique_fd.h"

namespace tunneld::trust {

struct PeerIdentity {
  uid_t uid = 0;
  std::uint64_t inode = 0;  // of the client's socket; port_owner.h finds its process
};

// Holds one netlink socket. For one thread.
class PeerOwner {
 public:
  // Errors: internal, when the kernel has no sock_diag; out_of_descriptors.
  static Result<PeerOwner> open();

  // `client` and `server`: getpeername and getsockname of the accepted socket (IPv4, IPv6, IPv4-mapped).
  // Nothing when no process of this machine holds the exact counterpart: the client is remote, has closed
  // already, or the kernel does not answer. Treat that as a stranger. A client that has shut down its sending
  // side is still found: the request may be complete before it is accepted.
  std::optional<PeerIdentity> find(const sockaddr* client, const sockaddr* server);

 private:
  explicit PeerOwner(UniqueFd netlink) : netlink_(std::move(netlink)) {}
  UniqueFd netlink_;
  std::uint32_t sequence_ = 0;
};

// Whether `peer` may use a listener of the user `own`: that user and root always, others as `access` says.
// Looks the listed names up in the user database, so it may take as long as that does.
bool allowed(const Access& access, uid_t peer, uid_t own);

}  // namespace tunneld::trust
