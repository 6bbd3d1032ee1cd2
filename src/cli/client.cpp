#include "cli/client.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "cli/output.h"

namespace tunneld::cli {
namespace {

using Clock = std::chrono::steady_clock;

// A daemon answers a hello at once; one that does not within this time is stopped or stuck.
constexpr std::chrono::seconds kHelloTimeout{5};

Error unreachable(std::string message, std::string cause, std::string fix = {}) {
  return make_error(ErrorCode::daemon_unreachable, std::move(message), std::move(cause), std::move(fix));
}

Error gone() {
  return unreachable("the daemon ended the connection", "it was stopped, or it has crashed",
                     "see \"tunneld logs\"; \"tunneld up\" starts it again");
}

bool wait_readable(int fd, Clock::time_point deadline) {
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd item{.fd = fd, .events = POLLIN, .revents = 0};
    const int count = ::poll(&item, 1, left > 0 ? static_cast<int>(left) : 0);
    if (count > 0) return true;
    if (count == 0 || errno != EINTR) return false;
  }
}

// The peer's credentials are those of the process that called listen(2).
Result<pid_t> check_peer(int fd, const std::string& path) {
  ucred peer{};
  socklen_t length = sizeof peer;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0)
    return fail(unreachable("cannot tell whose process listens at " + path, std::strerror(errno)));
  if (peer.uid != ::geteuid())
    return fail(unreachable("the process that listens at " + path + " is another user's",
                            "it runs with uid " + std::to_string(peer.uid) + ", you are uid " +
                                std::to_string(::geteuid()) + "; nothing was sent to it",
                            "set TUNNELD_SOCKET or XDG_RUNTIME_DIR to a folder of your own"));
  return peer.pid;
}

}  // namespace

Result<std::optional<Client>> Client::connect(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return fail(
        unreachable("the control socket's path is too long: " + path,
                    "unix sockets take at most " + std::to_string(sizeof address.sun_path - 1) + " bytes",
                    "set TUNNELD_SOCKET to a shorter path"));
  std::memcpy(address.sun_path, path.data(), path.size());

  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return fail(unreachable("cannot make a socket", std::strerror(errno)));
  Client client(fd, 0);
  // Bounds connect(2) as well, which waits while the daemon's backlog is full.
  const timeval timeout{.tv_sec = kHelloTimeout.count(), .tv_usec = 0};
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    if (errno == ENOENT || errno == ECONNREFUSED) return std::optional<Client>{};
    return fail(unreachable("cannot connect to the daemon at " + path, std::strerror(errno)));
  }
  const auto peer_pid = check_peer(fd, path);
  if (!peer_pid) return fail(peer_pid.error());
  client.peer_pid_ = *peer_pid;
  const Result<bool> greeted = client.exchange_hellos();
  if (!greeted) return fail(greeted.error());
  if (!*greeted) return std::optional<Client>{};
  return std::optional<Client>(std::move(client));
}

Client::Client(Client&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      peer_pid_(other.peer_pid_),
      last_id_(other.last_id_),
      peer_(std::move(other.peer_)),
      splitter_(std::move(other.splitter_)) {}

Client& Client::operator=(Client&& other) noexcept {
  if (this == &other) return *this;
  if (fd_ >= 0) ::close(fd_);
  fd_ = std::exchange(other.fd_, -1);
  peer_pid_ = other.peer_pid_;
  last_id_ = other.last_id_;
  peer_ = std::move(other.peer_);
  splitter_ = std::move(other.splitter_);
  return *this;
}

Client::~Client() {
  if (fd_ >= 0) ::close(fd_);
}

// False when it hung up instead: a daemon that is ending, which the socket outlives by a moment.
Result<bool> Client::exchange_hellos() {
  const control::Hello ours{.version = TUNNELD_VERSION, .pid = ::getpid()};
  if (!write_frame(control::encode(ours))) return false;
  const auto deadline = Clock::now() + kHelloTimeout;
  while (true) {
    if (const auto frame = splitter_.next()) {
      auto hello = control::parse_hello(*frame);
      if (!hello) return fail(hello.error());
      peer_ = std::move(*hello);
      return true;
    }
    if (!wait_readable(fd_, deadline))
      return fail(unreachable(
          "the daemon (pid " + std::to_string(peer_pid_) + ") does not answer",
          "it said nothing for " + std::to_string(kHelloTimeout.count()) + " s",
          "end it with \"kill " + std::to_string(peer_pid_) + "\" (\"kill -9\" if it does not end), then run \"tunneld up\" again"));
    const auto more = read_more();
    if (!more || !*more) return false;
  }
}

Result<void> Client::write_frame(const std::string& frame) {
  std::string_view rest = frame;
  while (!rest.empty()) {
    const ssize_t count = ::send(fd_, rest.data(), rest.size(), MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(gone());
    rest.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

Result<void> Client::send(const control::ClientMessage& message) {
  auto frame = control::encode(message);
  if (!frame) return fail(frame.error());
  return write_frame(*frame);
}

Result<std::optional<control::Reply>> Client::take() {
  const auto frame = splitter_.next();
  if (!frame) {
    if (splitter_.too_long())
      return fail(make_error(ErrorCode::daemon_protocol, "the daemon sent a frame that is too long"));
    return std::optional<control::Reply>{};
  }
  auto reply = control::parse_reply(*frame);
  if (!reply) return fail(reply.error());
  return std::optional<control::Reply>(std::move(*reply));
}

Result<bool> Client::read_more() {
  std::array<char, 16'384> buffer;
  while (true) {
    const ssize_t count = ::recv(fd_, buffer.data(), buffer.size(), 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno != ECONNRESET)
      return fail(unreachable("cannot read from the daemon", std::strerror(errno)));
    if (count <= 0) return false;
    splitter_.feed(std::string_view(buffer.data(), static_cast<std::size_t>(count)));
    return true;
  }
}

}  // namespace tunneld::cli
