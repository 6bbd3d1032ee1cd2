// The one owner of a file descriptor: closes it at its end. Move-only; -1 means none.
#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include <utility>

namespace tunneld {

class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) reset(other.release());
    return *this;
  }
  ~UniqueFd() { reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  // Gives the descriptor away unclosed.
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }
  void reset(int fd = -1) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }

 private:
  int fd_ = -1;
};

// Of a connection: its peer is told that the stream is not whole (TCP's RST), not that it has ended in order.
inline void close_with_reset(UniqueFd& socket) {
  const linger abortive{1, 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &abortive, sizeof abortive);
  socket.reset();
}

}  // namespace tunneld
