// A TCP connection to the first of several addresses that answers (RFC 8305: attempts start 250 ms apart, or at once
// when the one before has failed; all again each second while none has answered).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/unique_fd.h"
#include "loop/loop.h"
#include "loop/poller.h"
#include "loop/resolver.h"
#include "loop/timer.h"

namespace tunneld::loop {

struct Connection {
  UniqueFd fd;            // connected, O_NONBLOCK, close-on-exec; empty when all attempts failed
  SocketAddress address;  // the one that answered, or the last that failed
  int error = 0;          // errno of the last failure
};

// Ends with one callback, at the latest when the last attempt fails; the caller has the overall deadline. Destroying
// it closes what is under way, and the callback does not come.
class Connector {
 public:
  Connector(Loop& loop, std::vector<SocketAddress> addresses, std::function<void(Connection)> callback);
  ~Connector();
  Connector(const Connector&) = delete;
  Connector& operator=(const Connector&) = delete;

 private:
  struct Attempt;
  void start_next();
  void attempt_ready(Attempt& attempt);
  void attempt_failed(const SocketAddress& address, int error);
  void finish(Connection connection);

  Loop& loop_;
  std::vector<SocketAddress> addresses_;
  std::function<void(Connection)> callback_;
  std::size_t next_ = 0;
  std::vector<std::unique_ptr<Attempt>> attempts_;
  Timer stagger_;
  Connection last_failure_;
};

}  // namespace tunneld::loop
