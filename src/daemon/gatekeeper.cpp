#include "daemon/gatekeeper.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "trust/private_dir.h"

namespace tunneld::daemon {
namespace {

// The other end has closed or reset the connection: there is nobody left to identify.
bool has_ended(int fd) {
  pollfd state{fd, POLLIN | POLLRDHUP, 0};
  ::poll(&state, 1, 0);
  return (state.revents & (POLLERR | POLLHUP | POLLRDHUP)) != 0;
}

}  // namespace

std::optional<trust::PeerIdentity> Gatekeeper::identify(int fd) {
  if (!peers_) return std::nullopt;
  sockaddr_storage client{};
  sockaddr_storage server{};
  socklen_t client_length = sizeof client;
  socklen_t server_length = sizeof server;
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&client), &client_length) != 0 ||
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&server), &server_length) != 0)
    return std::nullopt;
  return peers_->find(reinterpret_cast<const sockaddr*>(&client), reinterpret_cast<const sockaddr*>(&server));
}

Gatekeeper::Verdict Gatekeeper::judge(const Access& access, const Endpoint& listen, int fd) {
  if (access.kind == Access::Kind::any) return Verdict::admitted;
  std::optional<uid_t> uid;
  if (listen.kind == Endpoint::Kind::unix_socket) {
    uid = trust::peer_uid(fd);
  } else if (const std::optional<trust::PeerIdentity> peer = identify(fd)) {
    uid = peer->uid;
  }
  if (!uid) return has_ended(fd) ? Verdict::gone : Verdict::stranger;
  return trust::allowed(access, *uid, ::getuid()) ? Verdict::admitted : Verdict::stranger;
}

std::map<int, trust::Process> Gatekeeper::processes_behind(const std::vector<int>& fds) {
  std::map<int, std::uint64_t> inodes;
  std::set<std::uint64_t> wanted;
  for (const int fd : fds)
    if (const std::optional<trust::PeerIdentity> peer = identify(fd)) wanted.insert(inodes[fd] = peer->inode);
  const std::map<std::uint64_t, trust::Process> found = trust::find_processes(std::move(wanted));
  std::map<int, trust::Process> processes;
  for (const auto& [fd, inode] : inodes)
    if (const auto process = found.find(inode); process != found.end()) processes[fd] = process->second;
  return processes;
}

void name_port_owner(Error& error, const Endpoint& endpoint) {
  if (error.code != ErrorCode::port_in_use) return;
  const std::optional<trust::SocketOwner> owner =
      endpoint.kind == Endpoint::Kind::unix_socket ? trust::find_unix_listener(endpoint.path)
                                                   : trust::find_listener(endpoint.host, endpoint.port);
  if (!owner) return;
  error.message += " by " + trust::to_string(*owner);
  error.cause = trust::to_string(*owner) + " listens there";
}

}  // namespace tunneld::daemon
