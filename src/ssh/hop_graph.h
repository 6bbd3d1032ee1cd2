// Every hop of a loop, so that chains that begin alike share the sessions of that beginning.
#pragma once

#include <tunneld/host_key.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/hop_likeness.h"
#include "loop/loop.h"
#include "loop/timer.h"
#include "ssh/shared_hop.h"

namespace tunneld::ssh {

// What becomes of a session when its last user lets go of it.
enum class AfterUse {
  close,
  linger,  // kept for a while, for whoever wants it next
};

// The hops form a tree: a hop is found by the hop before it and by its likeness. Each lives until its last
// user has let go of it and nothing runs through it any more.
class HopGraph {
 public:
  using Log = std::function<void(const std::string& text)>;

  HopGraph(loop::Loop& loop, HostKeyStore& keys, Log log);
  // Every user is gone. What lingers is closed, innermost first.
  ~HopGraph();
  HopGraph(const HopGraph&) = delete;
  HopGraph& operator=(const HopGraph&) = delete;

  // The hop like this one behind `before` (null: the first of a chain); a new, idle one if none can be
  // joined. To be joined at once.
  SharedHop& find(SharedHop* before, const HopLikeness& likeness);
  // As find(), but null if none can be joined.
  SharedHop* peek(const SharedHop* before, const HopLikeness& likeness);
  // The user leaves, who has let go of what it used behind this hop already.
  void release(SharedHop& hop, HopUser& user, AfterUse after);
  // The machine has slept: any session may be forgotten at its other end.
  void probe_all();
  loop::Loop& loop() const { return loop_; }

 private:
  void sweep();

  loop::Loop& loop_;
  HostKeyStore& keys_;
  const Log log_;
  std::vector<std::unique_ptr<SharedHop>> hops_;  // each after the one before it
  loop::Timer sweep_;
};

}  // namespace tunneld::ssh
