// Who may use a listener, other users of this machine among them, and who is at the other end of a socket.
#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <tunneld/error.h>
#include <tunneld/profile.h>

#include "trust/peer_owner.h"
#include "trust/port_owner.h"

namespace tunneld::daemon {

class Gatekeeper {
 public:
  explicit Gatekeeper(std::optional<trust::PeerOwner> peers) : peers_(std::move(peers)) {}

  enum class Verdict { admitted, stranger, gone };
  // Whether the client at the accepted socket `fd` may come in. `gone`: it has left before it could be looked at.
  Verdict judge(const Access& access, const Endpoint& listen, int fd);
  // The processes at the other ends of accepted TCP sockets, by socket, as far as they can be told. Reads /proc: for talk,
  // not for each connection.
  std::map<int, trust::Process> processes_behind(const std::vector<int>& fds);

 private:
  std::optional<trust::PeerIdentity> identify(int fd);
  std::optional<trust::PeerOwner> peers_;
};

// Says who holds the address that could not be bound, if that can be found out.
void name_port_owner(Error& error, const Endpoint& endpoint);

}  // namespace tunneld::daemon
