#include "loop/resolver.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <uv.h>

#include <cstring>
#include <utility>

namespace tunneld::loop {
namespace {

// Alternates the families so that a dead one costs one attempt, not all of its addresses.
std::vector<SocketAddress> interleave(const addrinfo* list) {
  std::vector<SocketAddress> first;
  std::vector<SocketAddress> other;
  for (const addrinfo* info = list; info != nullptr; info = info->ai_next) {
    SocketAddress address;
    std::memcpy(&address.storage, info->ai_addr, info->ai_addrlen);
    address.length = info->ai_addrlen;
    (info->ai_family == list->ai_family ? first : other).push_back(address);
  }
  std::vector<SocketAddress> mixed;
  for (std::size_t i = 0; i < first.size() || i < other.size(); ++i) {
    if (i < first.size()) mixed.push_back(first[i]);
    if (i < other.size()) mixed.push_back(other[i]);
  }
  return mixed;
}

}  // namespace

std::string host_of(const SocketAddress& address) {
  char text[NI_MAXHOST] = "";
  if (address.storage.ss_family != AF_INET && address.storage.ss_family != AF_INET6) return "";
  ::getnameinfo(address.get(), address.length, text, sizeof text, nullptr, 0, NI_NUMERICHOST);
  return text;
}

std::uint16_t port_of(const SocketAddress& address) {
  if (address.storage.ss_family == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6*>(address.get())->sin6_port);
  if (address.storage.ss_family == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in*>(address.get())->sin_port);
  return 0;
}

std::string to_string(const SocketAddress& address) {
  const std::string host = host_of(address);
  if (host.empty()) return "";
  const std::string port = std::to_string(port_of(address));
  return address.storage.ss_family == AF_INET6 ? "[" + host + "]:" + port : host + ":" + port;
}

struct Resolve::Request {
  uv_getaddrinfo_t request;
  Resolve* owner;  // null when the answer is wanted no more
  std::function<void(Resolution)> callback;
};

Resolve::Resolve(Loop& loop, const std::string& host, std::uint16_t port, std::function<void(Resolution)> callback)
    : request_(new Request{{}, this, std::move(callback)}) {
  request_->request.data = request_;
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  const int rc = uv_getaddrinfo(
      loop.raw(), &request_->request,
      [](uv_getaddrinfo_t* request, int status, addrinfo* list) {
        const std::unique_ptr<Request> ended(static_cast<Request*>(request->data));
        Resolution resolution;
        if (status == 0) resolution.addresses = interleave(list);
        if (resolution.addresses.empty()) resolution.failure = status == 0 ? "no address" : uv_strerror(status);
        uv_freeaddrinfo(list);
        if (ended->owner == nullptr) return;
        ended->owner->request_ = nullptr;
        ended->callback(std::move(resolution));
      },
      host.c_str(), std::to_string(port).c_str(), &hints);
  if (rc == 0) return;
  // Refused before it began (a name too long, say). The caller must not be called back from its own call.
  loop.defer([request = request_, rc] {
    const std::unique_ptr<Request> ended(request);
    if (ended->owner == nullptr) return;
    ended->owner->request_ = nullptr;
    ended->callback(Resolution{{}, uv_strerror(rc)});
  });
}

Resolve::~Resolve() {
  if (request_ == nullptr) return;
  request_->owner = nullptr;
  uv_cancel(reinterpret_cast<uv_req_t*>(&request_->request));
}

}  // namespace tunneld::loop
