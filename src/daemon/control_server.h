// The control socket: who may talk, frames in and out, and their limits (CONTROL.md). What requests mean is not known
// here.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "core/control/frame.h"
#include "core/control/message.h"
#include "core/unique_fd.h"
#include "daemon/log.h"
#include "loop/loop.h"
#include "loop/poller.h"
#include "loop/timer.h"

namespace tunneld::daemon {

class ControlServer;

// One request of one client, from its frame to its result.
class Request {
 public:
  virtual ~Request() = default;
  // The client's answer to a prompt.
  virtual void answer(std::int64_t, const std::string&) {}
  // The client gives up, or is gone: what this request alone began is undone. No reply is expected.
  virtual void cancel() {}
};

// Where a request's replies go. Lives as long as the client's connection; the request ends with the last reply.
class Replies {
 public:
  virtual ~Replies() = default;
  virtual void send(control::Reply::Kind kind, control::Json body) = 0;
};

class ControlServer {
 public:
  // Makes the request that a frame asks for, or sends the error itself and returns null. `client` names the connection.
  using Dispatch =
      std::function<std::unique_ptr<Request>(const control::Request& request, std::uint64_t client, Replies& replies)>;

  ControlServer(loop::Loop& loop, Log& log, UniqueFd listener, Dispatch dispatch,
                std::function<void(std::uint64_t client)> on_gone);
  ~ControlServer();

  // Sends what waits, as far as the clients take it at once, and closes everything.
  void close();

 private:
  class Connection;
  void accept();
  void drop(Connection& connection);
  void drop(std::uint64_t number);

  loop::Loop& loop_;
  Log& log_;
  UniqueFd listener_;
  Dispatch dispatch_;
  std::function<void(std::uint64_t)> on_gone_;
  loop::Poller poller_;
  loop::Timer resume_;
  std::map<std::uint64_t, std::unique_ptr<Connection>> connections_;
  std::uint64_t last_client_ = 0;
  std::shared_ptr<ControlServer*> self_;  // null inside when this is gone
};

}  // namespace tunneld::daemon
