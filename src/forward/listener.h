// The local end of a forward: sockets that listen, and what they accept.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <tunneld/profile.h>

#include "core/result.h"
#include "core/unique_fd.h"
#include "loop/loop.h"
#include "loop/poller.h"
#include "loop/timer.h"

namespace tunneld::forward {

struct Accepted {
  UniqueFd fd;            // O_NONBLOCK, close-on-exec
  std::string peer_host;  // "127.0.0.1"; of a unix socket's client "unix"
  std::uint16_t peer_port = 0;
};

class Listener {
 public:
  using OnAccept = std::function<void(Accepted)>;
  // No descriptor is left for clients: they wait in the backlog. Told once, until some were accepted again.
  using OnShortage = std::function<void()>;

  // "localhost" is 127.0.0.1 and ::1, "" and "*" every address, of whichever families the machine has; a unix path gets
  // a socket of mode 0600, a missing folder of mode 0700. Port 0: `endpoint()` has the port that was chosen. Errors:
  // port_in_use, address_not_local, port_permission, listen_failed, out_of_descriptors.
  static Result<std::unique_ptr<Listener>> open(loop::Loop& loop, const Endpoint& endpoint, OnAccept on_accept,
                                                OnShortage on_shortage);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  const Endpoint& endpoint() const { return endpoint_; }

 private:
  struct Socket {
    UniqueFd fd;
    std::unique_ptr<loop::Poller> poller;
  };
  Listener(loop::Loop& loop, Endpoint endpoint, OnAccept on_accept, OnShortage on_shortage);
  void add(UniqueFd fd);
  void accept_from(int fd);
  void watch(bool on);
  void pause();
  void resume();

  Endpoint endpoint_;
  struct {
    dev_t device;
    ino_t inode;
  } file_{};  // the unix socket
  OnAccept on_accept_;
  OnShortage on_shortage_;
  bool short_ = false;
  loop::Loop& loop_;
  std::vector<Socket> sockets_;
  loop::Timer resume_;  // after accept() found no descriptor left
};

}  // namespace tunneld::forward
