// Sockets on loopback, made the blocking way.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cstring>
#include <string>
#include <utility>

#include "core/unique_fd.h"
#include "loop/resolver.h"

namespace tunneld::testing {

inline loop::SocketAddress loopback(int family, std::uint16_t port) {
  loop::SocketAddress address;
  if (family == AF_INET) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    std::memcpy(&address.storage, &v4, sizeof v4);
    address.length = sizeof v4;
  } else {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    v6.sin6_addr = in6addr_loopback;
    std::memcpy(&address.storage, &v6, sizeof v6);
    address.length = sizeof v6;
  }
  return address;
}

inline std::uint16_t port_of(const UniqueFd& fd) {
  loop::SocketAddress address;
  address.length = sizeof address.storage;
  EXPECT_EQ(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address.storage), &address.length), 0);
  return loop::port_of(address);
}

inline UniqueFd bind_loopback(int family, std::uint16_t port = 0) {
  UniqueFd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const loop::SocketAddress address = loopback(family, port);
  EXPECT_EQ(::bind(fd.get(), address.get(), address.length), 0) << std::strerror(errno);
  return fd;
}

inline UniqueFd listen_loopback(int family, std::uint16_t port = 0) {
  UniqueFd fd = bind_loopback(family, port);
  EXPECT_EQ(::listen(fd.get(), 16), 0) << std::strerror(errno);
  return fd;
}

// Empty when refused; errno says why.
inline UniqueFd connect_loopback(int family, std::uint16_t port) {
  UniqueFd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const loop::SocketAddress address = loopback(family, port);
  if (::connect(fd.get(), address.get(), address.length) != 0) fd.reset();
  return fd;
}

inline UniqueFd connect_unix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) fd.reset();
  return fd;
}

inline UniqueFd listen_unix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(::listen(fd.get(), 4), 0);
  return fd;
}

inline void set_nonblocking(const UniqueFd& fd) {
  EXPECT_EQ(::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) | O_NONBLOCK), 0);
}

struct Pair {
  UniqueFd ours;  // O_NONBLOCK
  UniqueFd theirs;
};

inline Pair tcp_pair() {
  const UniqueFd listener = listen_loopback(AF_INET);
  Pair pair;
  pair.theirs = connect_loopback(AF_INET, port_of(listener));
  pair.ours = UniqueFd(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  EXPECT_TRUE(pair.ours && pair.theirs);
  return pair;
}

inline Pair unix_pair() {
  std::array<int, 2> ends{};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  Pair pair{UniqueFd(ends[0]), UniqueFd(ends[1])};
  set_nonblocking(pair.ours);
  return pair;
}

// Ends a TCP connection with a reset.
inline void reset(UniqueFd fd) {
  const linger abortive{1, 0};
  EXPECT_EQ(::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &abortive, sizeof abortive), 0);
}

inline bool send_text(const UniqueFd& fd, const std::string& text) {
  return ::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
}

}  // namespace tunneld::testing
