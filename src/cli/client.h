// The command line's end of the control socket (src/daemon/CONTROL.md): blocking, with poll(2) for deadlines.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "core/control/frame.h"
#include "core/control/message.h"
#include "core/result.h"

namespace tunneld::cli {

// Owns a connected socket whose other end is this user's process. Movable; not thread-safe.
class Client {
 public:
  // Connects, checks by SO_PEERCRED whose process listens, then exchanges hellos (5 s). An empty optional:
  // nobody listens. E-DAEMON-UNREACHABLE: it cannot be used. A daemon of another protocol version is no error
  // here: see speaks_our_protocol().
  static Result<std::optional<Client>> connect(const std::string& socket_path);

  Client(Client&& other) noexcept;
  Client& operator=(Client&& other) noexcept;
  ~Client();

  bool speaks_our_protocol() const { return peer_.protocol == control::kProtocolVersion; }
  const std::string& peer_version() const { return peer_.version; }
  pid_t peer_pid() const { return peer_pid_; }  // as the kernel says
  int fd() const { return fd_; }
  std::uint64_t next_id() { return ++last_id_; }

  // Writes the whole frame. E-DAEMON-UNREACHABLE when the daemon has gone.
  Result<void> send(const control::ClientMessage& message);
  // The next reply that has been read; nothing when more must be read first.
  Result<std::optional<control::Reply>> take();
  // Reads once; blocks until something is there. False at the end of the stream.
  Result<bool> read_more();

 private:
  Client(int fd, pid_t peer_pid) : fd_(fd), peer_pid_(peer_pid) {}
  Result<bool> exchange_hellos();
  Result<void> write_frame(const std::string& frame);

  int fd_ = -1;
  pid_t peer_pid_ = 0;
  std::uint64_t last_id_ = 0;
  control::Hello peer_;
  control::FrameSplitter splitter_;
};

}  // namespace tunneld::cli
