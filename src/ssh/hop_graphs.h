// The hop graphs of the daemon: one a loop. A lane whose first hop is not lane 0's shares nothing with the chain beside
// which it was opened, and may run in a thread of its own: what is interactive in it does not wait until the system has
// run what carries a bulk stream in another. Chains of which one may have a thread and the other may not share no lanes.
#pragma once

#include <tunneld/host_key.h>

#include <array>
#include <functional>
#include <memory>
#include <optional>

#include "loop/loop.h"
#include "ssh/hop_graph.h"

namespace tunneld::ssh {

class HopGraphs {
 public:
  // A store is for one thread: further ones are made for further threads.
  using MakeKeys = std::function<std::unique_ptr<HostKeyStore>()>;

  // `log` is called in any thread.
  HopGraphs(loop::Loop& main, HostKeyStore& keys, MakeKeys make_keys, const HopGraph::Log& log);
  // The threads end.
  ~HopGraphs();
  HopGraphs(const HopGraphs&) = delete;
  HopGraphs& operator=(const HopGraphs&) = delete;

  // For chains of so many hops, the first of which is parallel to others by this number; 0 is in the main loop.
  HopGraph& at(unsigned number, std::size_t hops);
  // The machine has slept (HopGraph::probe_all).
  void probe_all();
  // Every user is gone. What lingers is closed.
  void close();

 private:
  // More lanes than that share threads.
  static constexpr unsigned kThreads = 3;
  class Further;

  const MakeKeys make_keys_;
  const HopGraph::Log log_;
  std::optional<HopGraph> graph_;
  std::array<std::unique_ptr<Further>, kThreads> further_;  // made when they are needed
};

}  // namespace tunneld::ssh
