// A tunnel's lanes: its chain, which is lane 0, and further sessions to its target, opened and closed as
// core/lane_policy.h says.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <tunneld/profile.h>

#include "core/lane_policy.h"
#include "daemon/log.h"
#include "loop/loop.h"
#include "loop/timer.h"
#include "ssh/chain.h"

namespace tunneld::daemon {

class LaneOwner {
 public:
  virtual ~LaneOwner() = default;
  // Who was told to wait may ask again. True when some still wait.
  virtual bool lanes_changed() = 0;
};

class Lanes {
 public:
  // `profile` and `owner` outlive this.
  Lanes(loop::Loop& loop, ssh::HopGraph& hops, Log& log, const Profile& profile, LaneOwner& owner);
  ~Lanes();

  // The session for one more client. `chain` is lane 0, and ready; `user` is its user. Null: wait for lanes_changed(),
  // which comes when a lane is ready or has failed, or when somebody has waited long enough.
  ssh::Session* choose(ssh::Chain& chain, const ssh::ChainUser& user);
  // While `asks` runs nobody is told to wait: those who ask have waited already.
  void without_waiting(const std::function<void()>& asks);
  // All but lane 0, at once.
  void close();
  // No chain that starts from now on shares the sessions of these lanes.
  void detach();
  // How many further sessions to this hop of the chain stand.
  std::size_t further_sessions(const ssh::Chain& chain, std::size_t hop) const;

 private:
  class Further;
  std::vector<Lane> facts(const Lane& lane_0) const;
  LaneAsk ask(const ssh::Chain& chain) const;
  void open(const ssh::Chain& chain, const ssh::ChainUser& user, const char* reason);
  unsigned free_number(const ssh::ChainUser& user, ParallelFrom from, ssh::ChainObserver& observer) const;
  void lane_ready();
  void lane_ended(Further& lane, const Error& error);
  void close_idle();

  loop::Loop& loop_;
  ssh::HopGraph& hops_;
  Log& log_;
  const Profile& profile_;
  LaneOwner& owner_;
  std::vector<std::unique_ptr<Further>> further_;  // lanes 1, 2, ...
  std::optional<std::uint64_t> failed_at_ms_;
  bool out_of_patience_ = false;
  loop::Timer patience_;
  loop::Timer idle_look_;
};

}  // namespace tunneld::daemon
