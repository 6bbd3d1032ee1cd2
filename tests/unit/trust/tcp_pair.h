// Loopback TCP sockets for the tests of peer_owner and port_owner.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cstring>
#include <string>

#include "core/unique_fd.h"

namespace tunneld::trust::testing {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  std::uint16_t port() const {
    sockaddr_in6 v6{};  // the port stands at the same place in both families
    std::memcpy(&v6, &storage, sizeof v6);
    return ntohs(v6.sin6_port);
  }
};

inline SocketAddress numeric(const std::string& host, std::uint16_t port) {
  SocketAddress address;
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  if (::inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    address.length = sizeof v4;
    std::memcpy(&address.storage, &v4, sizeof v4);
  } else if (::inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    address.length = sizeof v6;
    std::memcpy(&address.storage, &v6, sizeof v6);
  }
  return address;
}

inline SocketAddress local_of(const UniqueFd& fd) {
  SocketAddress address;
  EXPECT_EQ(::getsockname(fd.get(), address.get(), &address.length), 0);
  return address;
}

inline SocketAddress remote_of(const UniqueFd& fd) {
  SocketAddress address;
  EXPECT_EQ(::getpeername(fd.get(), address.get(), &address.length), 0);
  return address;
}

inline UniqueFd listen_on(const std::string& host, std::uint16_t port = 0) {
  const SocketAddress address = numeric(host, port);
  UniqueFd fd(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (address.storage.ss_family == AF_INET6) {
    const int both_families = 0;  // whatever net.ipv6.bindv6only says
    EXPECT_EQ(::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &both_families, sizeof both_families), 0);
  }
  EXPECT_EQ(::bind(fd.get(), address.get(), address.length), 0) << host;
  EXPECT_EQ(::listen(fd.get(), 8), 0);
  return fd;
}

inline UniqueFd connect_tcp(const std::string& host, std::uint16_t port) {
  const SocketAddress address = numeric(host, port);
  UniqueFd fd(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(fd.get(), address.get(), address.length) != 0) fd.reset();
  return fd;
}

inline UniqueFd accept_from(const UniqueFd& listener) {
  return UniqueFd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
}

inline std::uint64_t inode_of(const UniqueFd& fd) {
  struct stat status {};
  EXPECT_EQ(::fstat(fd.get(), &status), 0);
  return status.st_ino;
}

}  // namespace tunneld::trust::testing
