#include "trust/peer_owner.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pwd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "trust/errno_text.h"

namespace tunneld::trust {
namespace {

// The kernel answers within the send; a wait is for a kernel that does not keep to that.
constexpr int kAnswerWaitMs = 50;
// Answers to questions that were given up may stand before ours.
constexpr int kMaxAnswers = 8;

struct Request {
  nlmsghdr header;
  inet_diag_req_v2 body;
};

struct Address {
  int family = AF_UNSPEC;
  std::array<std::uint32_t, 4> words{};  // network order; IPv4 in the first
  std::uint16_t port = 0;                // network order
  std::uint32_t scope = 0;               // interface of a link-local address
};

Address to_address(const sockaddr* from) {
  Address address;
  if (from->sa_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, from, sizeof v4);
    address.family = AF_INET;
    address.words[0] = v4.sin_addr.s_addr;
    address.port = v4.sin_port;
  } else if (from->sa_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, from, sizeof v6);
    address.port = v6.sin6_port;
    if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
      address.family = AF_INET;
      std::memcpy(address.words.data(), &v6.sin6_addr.s6_addr[12], sizeof address.words[0]);
    } else {
      address.family = AF_INET6;
      std::memcpy(address.words.data(), &v6.sin6_addr, sizeof v6.sin6_addr);
      address.scope = v6.sin6_scope_id;
    }
  }
  return address;
}

Request make_request(const Address& client, const Address& server, std::uint32_t sequence) {
  Request request{};
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request.header.nlmsg_flags = NLM_F_REQUEST;
  request.header.nlmsg_seq = sequence;
  request.body.sdiag_family = static_cast<std::uint8_t>(client.family);
  request.body.sdiag_protocol = IPPROTO_TCP;
  request.body.idiag_states = ~0U;
  inet_diag_sockid& id = request.body.id;
  id.idiag_sport = client.port;
  id.idiag_dport = server.port;
  std::copy(client.words.begin(), client.words.end(), id.idiag_src);
  std::copy(server.words.begin(), server.words.end(), id.idiag_dst);
  id.idiag_if = std::max(client.scope, server.scope);
  id.idiag_cookie[0] = INET_DIAG_NOCOOKIE;
  id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  return request;
}

// The words of one end as IPv4 or IPv6, whichever family the client's socket has: an IPv6 socket that speaks
// IPv4 is reported with mapped addresses.
bool same_end(const std::uint32_t (&reported)[4], std::uint16_t reported_port, int family,
              const Address& asked) {
  if (reported_port != asked.port) return false;
  if (family == asked.family) {
    const std::size_t words = family == AF_INET ? 1 : 4;
    return std::equal(reported, reported + words, asked.words.begin());
  }
  return asked.family == AF_INET && reported[0] == 0 && reported[1] == 0 && reported[2] == htonl(0xffff) &&
         reported[3] == asked.words[0];
}

// The kernel falls back to a listener of that port, and reports sockets that no process holds any more with
// uid 0 and inode 0: neither is an answer.
std::optional<PeerIdentity> judge(const inet_diag_msg& found, const Address& client, const Address& server) {
  const bool connected = found.idiag_state == TCP_ESTABLISHED || found.idiag_state == TCP_FIN_WAIT1 ||
                         found.idiag_state == TCP_FIN_WAIT2;
  if (!connected || found.idiag_inode == 0) return std::nullopt;
  if (!same_end(found.id.idiag_src, found.id.idiag_sport, found.idiag_family, client)) return std::nullopt;
  if (!same_end(found.id.idiag_dst, found.id.idiag_dport, found.idiag_family, server)) return std::nullopt;
  return PeerIdentity{found.idiag_uid, found.idiag_inode};
}

enum class Answer { none, other, refused, found };

// Takes one datagram off the netlink socket.
Answer receive(int fd, std::uint32_t sequence, inet_diag_msg& message) {
  alignas(nlmsghdr) std::array<char, 4096> buffer{};
  sockaddr_nl from{};
  socklen_t from_length = sizeof from;
  const ssize_t count = ::recvfrom(fd, buffer.data(), buffer.size(), MSG_DONTWAIT,
                                   reinterpret_cast<sockaddr*>(&from), &from_length);
  if (count < 0) {
    if (errno == EINTR) return Answer::other;
    pollfd readable{fd, POLLIN, 0};
    return ::poll(&readable, 1, kAnswerWaitMs) > 0 ? Answer::other : Answer::none;
  }
  nlmsghdr header{};
  if (static_cast<std::size_t>(count) < sizeof header) return Answer::other;
  std::memcpy(&header, buffer.data(), sizeof header);
  if (from.nl_pid != 0 || header.nlmsg_seq != sequence) return Answer::other;  // 0: the kernel
  if (header.nlmsg_type != SOCK_DIAG_BY_FAMILY) return Answer::refused;
  if (header.nlmsg_len > static_cast<std::size_t>(count) || header.nlmsg_len < NLMSG_LENGTH(sizeof message))
    return Answer::refused;
  std::memcpy(&message, buffer.data() + NLMSG_HDRLEN, sizeof message);
  return Answer::found;
}

std::optional<uid_t> uid_of(const std::string& user) {
  constexpr std::size_t kMaxEntryBytes = 1 << 20;
  passwd entry{};
  passwd* found = nullptr;
  for (std::vector<char> buffer(1024); buffer.size() <= kMaxEntryBytes; buffer.resize(buffer.size() * 2)) {
    const int error = ::getpwnam_r(user.c_str(), &entry, buffer.data(), buffer.size(), &found);
    if (error == ERANGE) continue;
    if (found == nullptr) return std::nullopt;
    return entry.pw_uid;
  }
  return std::nullopt;
}

}  // namespace

Result<PeerOwner> PeerOwner::open() {
  UniqueFd netlink(::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  if (netlink) return PeerOwner(std::move(netlink));
  const int error = errno;
  const bool descriptors = error == EMFILE || error == ENFILE;
  return fail({descriptors ? ErrorCode::out_of_descriptors : ErrorCode::internal,
               "cannot ask the kernel who connects to a listener",
               {},
               "NETLINK_SOCK_DIAG: " + errno_text(error),
               descriptors
                   ? "raise the limit of open files (ulimit -n)"
                   : "allow netlink sockets (in a systemd unit: RestrictAddressFamilies=... AF_NETLINK)"});
}

std::optional<PeerIdentity> PeerOwner::find(const sockaddr* client, const sockaddr* server) {
  const Address from = to_address(client);
  const Address to = to_address(server);
  if (from.family == AF_UNSPEC || from.family != to.family) return std::nullopt;
  const Request request = make_request(from, to, ++sequence_);
  if (::send(netlink_.get(), &request, sizeof request, 0) != static_cast<ssize_t>(sizeof request))
    return std::nullopt;
  for (int i = 0; i < kMaxAnswers; ++i) {
    inet_diag_msg message{};
    switch (receive(netlink_.get(), sequence_, message)) {
      case Answer::other:
        continue;
      case Answer::none:
      case Answer::refused:
        return std::nullopt;
      case Answer::found:
        return judge(message, from, to);
    }
  }
  return std::nullopt;
}

bool allowed(const Access& access, uid_t peer, uid_t own) {
  if (peer == own || peer == 0) return true;
  switch (access.kind) {
    case Access::Kind::same_user:
      return false;
    case Access::Kind::any:
      return true;
    case Access::Kind::users:
      return std::any_of(access.users.begin(), access.users.end(),
                         [peer](const std::string& user) { return uid_of(user) == peer; });
  }
  return false;
}

}  // namespace tunneld::trust
