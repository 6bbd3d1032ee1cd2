#include "loop/connector.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

namespace tunneld::loop {
namespace {

constexpr std::uint64_t kAttemptDelayMs = 250;  // RFC 8305 section 5, "Connection Attempt Delay"
// When no address has answered they are tried again this long after the last: the kernel repeats a lost SYN after 1, 3
// and 7 s, which is late for a network that has just come back and a client that waits.
constexpr std::uint64_t kRepeatDelayMs = 1'000;
constexpr std::size_t kMaxAttempts = 8;  // under way at once; the oldest gives way

}  // namespace

struct Connector::Attempt {
  UniqueFd fd;
  SocketAddress address;
  std::unique_ptr<Poller> poller;
};

Connector::Connector(Loop& loop, std::vector<SocketAddress> addresses, std::function<void(Connection)> callback)
    : loop_(loop),
      addresses_(std::move(addresses)),
      callback_(std::move(callback)),
      stagger_(loop, [this] { start_next(); }) {
  // By the timer, so that the callback never comes from within the constructor.
  stagger_.start(0);
}

Connector::~Connector() = default;

void Connector::start_next() {
  if (addresses_.empty()) return finish(Connection{{}, {}, EDESTADDRREQ});
  if (next_ >= addresses_.size()) next_ = 0;
  if (attempts_.size() >= kMaxAttempts) attempts_.erase(attempts_.begin());
  const SocketAddress& address = addresses_[next_++];
  auto attempt = std::make_unique<Attempt>();
  attempt->address = address;
  attempt->fd = UniqueFd(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!attempt->fd) return attempt_failed(address, errno);
  if (::connect(attempt->fd.get(), address.get(), address.length) != 0 && errno != EINPROGRESS)
    return attempt_failed(address, errno);
  Attempt& started = *attempt;
  started.poller =
      std::make_unique<Poller>(loop_, started.fd.get(), [this, &started](unsigned) { attempt_ready(started); });
  started.poller->watch(Poller::kWritable);
  attempts_.push_back(std::move(attempt));
  stagger_.start(next_ < addresses_.size() ? kAttemptDelayMs : kRepeatDelayMs);
}

void Connector::attempt_ready(Attempt& attempt) {
  int error = 0;
  socklen_t length = sizeof error;
  ::getsockopt(attempt.fd.get(), SOL_SOCKET, SO_ERROR, &error, &length);
  attempt.poller->close();
  Connection connection{std::move(attempt.fd), attempt.address, error};
  for (auto it = attempts_.begin(); it != attempts_.end(); ++it) {
    if (it->get() != &attempt) continue;
    loop_.retire(std::move(*it));
    attempts_.erase(it);
    break;
  }
  if (error == 0) return finish(std::move(connection));
  attempt_failed(connection.address, error);
}

void Connector::attempt_failed(const SocketAddress& address, int error) {
  last_failure_.address = address;
  last_failure_.error = error;
  if (next_ < addresses_.size()) {
    stagger_.start(0);
  } else if (attempts_.empty()) {
    finish(std::move(last_failure_));
  } else if (!stagger_.active()) {
    stagger_.start(kRepeatDelayMs);  // it failed at once; the others are silent
  }
}

void Connector::finish(Connection connection) {
  stagger_.stop();
  attempts_.clear();
  // May destroy this, and must not destroy the callback that runs.
  const std::function<void(Connection)> callback = std::move(callback_);
  callback(std::move(connection));
}

}  // namespace tunneld::loop
