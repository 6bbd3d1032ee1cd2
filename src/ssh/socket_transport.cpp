#include "ssh/socket_transport.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace tunneld::ssh {
namespace {

// libssh takes "try again" from send() for a broken connection. What it sends to a full socket is kept here
// instead; it asks poll() before, so that this is needed only when the socket has filled up since.
constexpr std::size_t kPendingBytes = 4096;
// One read of the socket, and all that is read at one wake-up: what the layers of a chain then hand on to each other stays
// in the processor's cache, and others have their turn.
constexpr std::size_t kSocketReadBytes = 64 * 1024;

}  // namespace

SocketTransport::SocketTransport(loop::Loop& loop, UniqueFd socket)
    : loop_(loop),
      socket_(std::move(socket)),
      poller_(loop, socket_.get(), [this](unsigned events) { on_socket(events); }),
      self_(std::make_shared<SocketTransport*>(this)) {}

void SocketTransport::start(std::function<void()> ready) {
  ready_ = std::move(ready);
  // It may be sent to at once: the first call comes without any news.
  poller_.watch(loop::Poller::kReadable | loop::Poller::kWritable);
}

void SocketTransport::on_socket(unsigned events) {
  was_read_ = false;
  if ((events & loop::Poller::kWritable) != 0) {
    const ssize_t sent = ::send(socket_.get(), pending_.data(), pending_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) pending_.erase(0, static_cast<std::size_t>(sent));
    full_ = !pending_.empty();
  }
  if ((events & loop::Poller::kError) != 0) fill();  // what came before the error is read first
  if ((events & loop::Poller::kError) != 0 && !ended_) {
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    error_ = error;
    ended_ = true;
  }
  update_mask();
  ready_();
}

void SocketTransport::fill() {
  if (read_ < filled_ || ended_ || was_read_) return;
  if (!buffer_) buffer_.reset(new char[kSocketReadBytes]);  // not cleared: where reads are small, most is never touched
  const ssize_t got = ::recv(socket_.get(), buffer_.get(), kSocketReadBytes, MSG_DONTWAIT);
  const int error = errno;
  was_read_ = true;
  filled_ = got > 0 ? static_cast<std::size_t>(got) : 0;
  read_ = 0;
  if (got <= 0) {
    ended_ = got == 0 || (error != EAGAIN && error != EINTR);
    error_ = got < 0 ? error : 0;
    return;
  }
  if (filled_ < kSocketReadBytes) acknowledge_soon();
}

// The server may hold its next small packet back until this one is acknowledged, which the kernel would delay by up to
// 40 ms. But those come first who wait for what was read; and what is sent meanwhile acknowledges it as well.
void SocketTransport::acknowledge_soon() {
  loop_.before_asking([self = self_] {
    if (*self == nullptr || !(*self)->socket_) return;
    const int on = 1;  // it does not stay set
    ::setsockopt((*self)->socket_.get(), IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
  });
}

void SocketTransport::watch_writable(bool on) {
  watching_writable_ = on;
  update_mask();
}

void SocketTransport::lend() {
  lent_ = true;
  update_mask();
}

void SocketTransport::take_back() {
  lent_ = false;
  was_read_ = false;
  update_mask();
}

void SocketTransport::leave() {
  poller_.close();
  if (!lent_) socket_.reset();
}

void SocketTransport::update_mask() {
  if (lent_) return poller_.watch(0);
  const bool wants_writable = full_ && (watching_writable_ || !pending_.empty());
  // What is known to have ended would be reported for ever.
  poller_.watch((ended_ ? 0 : loop::Poller::kReadable) | (wants_writable ? loop::Poller::kWritable : 0));
}

ssize_t SocketTransport::receive(char* to, std::size_t size) {
  if (read_ == filled_) {
    errno = ended_ ? error_ : EAGAIN;
    return ended_ && error_ == 0 ? 0 : -1;
  }
  const std::size_t bytes = std::min(size, filled_ - read_);
  std::memcpy(to, buffer_.get() + read_, bytes);
  read_ += bytes;
  return static_cast<ssize_t>(bytes);
}

ssize_t SocketTransport::send(const char* from, std::size_t size) {
  if (!pending_.empty()) {
    errno = EPIPE;
    return -1;
  }
  ssize_t sent = ::send(socket_.get(), from, size, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0 && errno != EAGAIN && errno != EINTR) return -1;
  if (sent == static_cast<ssize_t>(size)) return sent;
  full_ = true;
  if (sent < 0) {
    pending_.assign(from, std::min(size, kPendingBytes));
    sent = static_cast<ssize_t>(pending_.size());
  }
  return sent;
}

}  // namespace tunneld::ssh
