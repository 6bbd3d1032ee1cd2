// The daemon: its loop, its stores, its tunnels and its control socket, wired together.
#pragma once

#include <functional>
#include <memory>

#include "daemon/control_server.h"
#include "daemon/entry.h"
#include "daemon/gatekeeper.h"
#include "daemon/log.h"
#include "daemon/tunnel_set.h"
#include "loop/loop.h"
#include "loop/signals.h"
#include "loop/suspend_watch.h"
#include "trust/host_keys.h"

namespace tunneld::daemon {

class Daemon {
 public:
  // `let_go`: called when the control socket has been closed. What is left then, a name look-up that cannot be broken off
  // say, is in nobody's way.
  Daemon(const DaemonOptions& options, UniqueFd control_listener, std::optional<trust::PeerOwner> peers,
         std::function<void()> let_go);

  // Until a signal or a request ends it; everything is closed then.
  void run();

 private:
  std::unique_ptr<Request> dispatch(const control::Request& request, std::uint64_t client, Replies& replies);
  void report(const control::Request& request, Replies& replies);
  void stop();

  const std::function<void()> let_go_;
  Log log_;
  loop::Loop loop_;
  trust::HostKeys keys_;
  Gatekeeper gatekeeper_;
  std::unique_ptr<ssh::HopGraphs> hops_;
  std::unique_ptr<TunnelSet> tunnels_;
  std::unique_ptr<ControlServer> server_;
  std::vector<std::unique_ptr<loop::SignalWatch>> signals_;
  std::unique_ptr<loop::SuspendWatch> sleeps_;
  std::weak_ptr<void> ending_;  // lives while a `shutdown` waits for clients
};

}  // namespace tunneld::daemon
