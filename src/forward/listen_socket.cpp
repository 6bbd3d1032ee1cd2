#include "forward/listen_socket.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>

#include "core/endpoint.h"

namespace tunneld::forward {
namespace {

// A port that the system chose for one address may be taken on the other: how often another one is tried.
constexpr int kPortTries = 16;
constexpr int kBacklog = 1024;  // clients that come at once; the kernel caps it at somaxconn

bool is_socket(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0 && S_ISSOCK(info.st_mode);
}

Error listen_error(const Endpoint& endpoint, int error_number) {
  const std::string where = to_string(endpoint);
  const bool unix_path = endpoint.kind == Endpoint::Kind::unix_socket;
  switch (error_number) {
    case EADDRINUSE:
      if (unix_path)
        return {ErrorCode::port_in_use, where + " is already in use", {},
                is_socket(endpoint.path) ? "another process listens there" : "something that is no socket lies there",
                "end that process or move the file away, or choose another path"};
      return {ErrorCode::port_in_use, where + " is already in use", {}, "another process listens there",
              "end that process, or choose another listen address"};
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
      return {ErrorCode::address_not_local, "cannot listen on " + where + ": that is no address of this machine", {},
              "one can only listen on addresses that an interface here has (" + std::string(std::strerror(error_number)) + ")",
              "listen on 127.0.0.1 or localhost, or bring the interface up"};
    case EACCES:
    case EPERM:
      return {ErrorCode::port_permission, "this user may not listen on " + where, {},
              unix_path ? "the folder cannot be written"
                        : "ports below net.ipv4.ip_unprivileged_port_start (1024) need CAP_NET_BIND_SERVICE",
              unix_path ? "choose a path in a folder of your own" : "choose a port from 1024 up"};
    case EMFILE:
    case ENFILE:
      return {ErrorCode::out_of_descriptors, "no descriptor is left to listen on " + where, {}, "", "raise ulimit -n"};
    default:
      return {ErrorCode::listen_failed, "cannot listen on " + where, {}, std::strerror(error_number),
              "choose another listen address"};
  }
}

bool listen_at(int fd, const addrinfo& address) {
  const int on = 1;
  // The port is ours again at once after a restart; on Linux this does not let two processes listen on it.
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (address.ai_family == AF_INET6) ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  return ::bind(fd, address.ai_addr, address.ai_addrlen) == 0 && ::listen(fd, kBacklog) == 0;
}

Result<UniqueFd> listen_tcp(const Endpoint& endpoint, const std::string& address) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE;
  addrinfo* found = nullptr;
  if (const int rc = ::getaddrinfo(address.c_str(), std::to_string(endpoint.port).c_str(), &hints, &found); rc != 0)
    return fail({ErrorCode::listen_failed, "cannot listen on " + to_string(endpoint), {}, ::gai_strerror(rc),
                 "give an IP address, or localhost"});
  UniqueFd fd(::socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const bool listens = fd && listen_at(fd.get(), *found);
  const int error_number = errno;
  ::freeaddrinfo(found);
  if (!listens) {
    Endpoint failed = endpoint;
    failed.host = address;
    return fail(listen_error(failed, error_number));
  }
  return fd;
}

std::uint16_t port_of(int fd) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
  return ntohs(address.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6*>(&address)->sin6_port
                                             : reinterpret_cast<sockaddr_in*>(&address)->sin_port);
}

std::vector<std::string> addresses_of(const std::string& host) {
  if (host == "localhost") return {"127.0.0.1", "::1"};
  if (host.empty() || host == kAnyAddress) return {"0.0.0.0", "::"};
  return {host};
}

Result<std::vector<UniqueFd>> listen_tcp_once(Endpoint& endpoint) {
  const std::vector<std::string> addresses = addresses_of(endpoint.host);
  std::vector<UniqueFd> sockets;
  for (const std::string& address : addresses) {
    Result<UniqueFd> fd = listen_tcp(endpoint, address);
    if (!fd) {
      // A machine without IPv6 still has its localhost.
      if (!sockets.empty() && fd.error().code == ErrorCode::address_not_local) continue;
      return fail(fd.error());
    }
    if (endpoint.port == 0) endpoint.port = port_of(fd->get());
    sockets.push_back(std::move(*fd));
  }
  return sockets;
}

Result<std::vector<UniqueFd>> listen_tcp_all(Endpoint& endpoint) {
  const std::uint16_t wanted = endpoint.port;
  for (int tries_left = kPortTries;; --tries_left) {
    endpoint.port = wanted;
    Result<std::vector<UniqueFd>> sockets = listen_tcp_once(endpoint);
    const bool again = wanted == 0 && !sockets && sockets.error().code == ErrorCode::port_in_use;
    if (!again || tries_left == 1) return sockets;
  }
}

// Those that are missing, for us alone. 0 or errno.
int make_folders_of(const std::string& path) {
  for (std::size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    const std::string folder = path.substr(0, slash);
    // mkdir on what exists may say EROFS or EACCES rather than EEXIST.
    if (struct stat status {}; ::stat(folder.c_str(), &status) == 0) continue;
    if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return errno;
  }
  return 0;
}

// Whoever may rename the socket can put another in its place, to which clients would give their passwords.
std::optional<Error> folder_error(const Endpoint& endpoint) {
  const std::string folder = std::filesystem::path(endpoint.path).parent_path();
  struct stat status {};
  if (::stat(folder.c_str(), &status) != 0) return listen_error(endpoint, errno);
  const bool others_write = (status.st_mode & (S_IWGRP | S_IWOTH)) != 0 && (status.st_mode & S_ISVTX) == 0;
  if (!others_write && (status.st_uid == ::geteuid() || status.st_uid == 0)) return std::nullopt;
  return Error{ErrorCode::listen_failed, "cannot listen on " + to_string(endpoint) + ": others could replace the socket", {},
               others_write ? "users other than you may write to " + folder : folder + " belongs to another user",
               others_write ? "chmod go-w " + folder + ", or choose another folder" : "choose a folder of your own"};
}

// A socket that nobody accepts on any more is left over from a process that was killed.
bool is_stale(const sockaddr_un& address) {
  if (!is_socket(address.sun_path)) return false;
  const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  return ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
         errno == ECONNREFUSED;
}

Result<std::vector<UniqueFd>> listen_unix(const Endpoint& endpoint) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (endpoint.path.size() >= sizeof address.sun_path)
    return fail({ErrorCode::listen_failed, "the path " + endpoint.path + " is too long for a unix socket", {},
                 "the system takes " + std::to_string(sizeof address.sun_path - 1) + " bytes", "choose a shorter path"});
  std::memcpy(address.sun_path, endpoint.path.c_str(), endpoint.path.size() + 1);
  if (const int error = make_folders_of(endpoint.path)) return fail(listen_error(endpoint, error));
  if (auto error = folder_error(endpoint)) return fail(std::move(*error));
  if (is_stale(address)) ::unlink(address.sun_path);
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  // Before bind: the socket's file then has this mode from its first moment.
  if (!fd || ::fchmod(fd.get(), 0600) != 0 ||
      ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(fd.get(), kBacklog) != 0)
    return fail(listen_error(endpoint, errno));
  std::vector<UniqueFd> sockets;
  sockets.push_back(std::move(fd));
  return sockets;
}

}  // namespace

Result<std::vector<UniqueFd>> listen_on(Endpoint& endpoint) {
  return endpoint.kind == Endpoint::Kind::unix_socket ? listen_unix(endpoint) : listen_tcp_all(endpoint);
}

}  // namespace tunneld::forward
