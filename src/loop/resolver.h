// Names to addresses, off the loop (getaddrinfo of the system, so /etc/hosts, nsswitch and search domains count).
#pragma once

#include <sys/socket.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "loop/loop.h"

namespace tunneld::loop {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

// "192.0.2.1:22", "[2001:db8::1]:22"; empty for other families.
std::string to_string(const SocketAddress& address);
// The numeric host alone, and the port alone.
std::string host_of(const SocketAddress& address);
std::uint16_t port_of(const SocketAddress& address);

struct Resolution {
  std::vector<SocketAddress> addresses;  // families alternate, the system's first choice first (RFC 8305 section 4)
  std::string failure;                   // what getaddrinfo said; empty on success
};

// One lookup. Destroying it means that the callback does not come: a getaddrinfo that runs cannot be stopped, its
// answer is dropped.
class Resolve {
 public:
  Resolve(Loop& loop, const std::string& host, std::uint16_t port, std::function<void(Resolution)> callback);
  ~Resolve();
  Resolve(const Resolve&) = delete;
  Resolve& operator=(const Resolve&) = delete;

 private:
  struct Request;
  Request* request_;
};

}  // namespace tunneld::loop
