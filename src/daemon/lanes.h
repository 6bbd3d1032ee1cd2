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
#include "ssh/hop_graphs.h"

namespace tunneld::daemon {

class LaneOwner {
 public:
  virtual ~LaneOwner() = default;
  // The chain; null unless it is ready.
  virtual ssh::Chain* lane_0() = 0;
  // Not only those for whom somebody holds the tunnel.
  virtual bool anybody_may_come() const = 0;
  // Clients wait for the target's answer in this session, and may be moved.
  virtual bool awaited(const ssh::Session& session) const = 0;
  // They are to ask again.
  virtual void lane_stalls(const ssh::Session& session) = 0;
  // Who was told to wait may ask again. True when some still wait.
  virtual bool lanes_changed() = 0;
};

class Lanes {
 public:
  // `profile` and `owner` outlive this.
  Lanes(loop::Loop& loop, ssh::HopGraphs& hops, Log& log, const Profile& profile, LaneOwner& owner);
  ~Lanes();

  // The session for one more client. Null: wait until there is a lane 0, or for lanes_changed(), which comes when a lane is
  // ready or has failed, or when somebody has waited long enough.
  ssh::VisitedSession choose();
  // Lane 0 is lost: the first of the others that stands and answers, to take its place. Null: there is none.
  std::unique_ptr<ssh::Chain> successor();
  // While `asks` runs nobody is told to wait: those who ask have waited already.
  void without_waiting(const std::function<void()>& asks);
  // All but lane 0, at once.
  void close();
  // No chain that starts from now on shares the sessions of these lanes.
  void detach();
  // How many sessions to this hop stand beside that of `chain`, lane 0.
  std::size_t further_sessions(const ssh::Chain& chain, std::size_t hop) const;

 private:
  class Further;
  std::vector<Lane> facts(const ssh::Chain& chain) const;
  LaneAsk ask(const ssh::Chain& chain) const;
  void open(const ssh::Chain& chain, const std::vector<Lane>& lanes, const char* why);
  std::unique_ptr<ssh::Chain> make_chain(const ssh::Chain& lane_0, const ssh::LaneRoute& route,
                                         ssh::ChainObserver& observer) const;
  ssh::LaneRoute free_route(const ssh::Chain& chain, ParallelFrom from, ssh::ChainObserver& observer) const;
  ssh::VisitedSession session_of(std::size_t lane) const;  // null unless ready
  std::vector<ssh::VisitedSession> sessions() const;
  void look_after_openings();
  void leave_stalled();
  void open_ahead();
  bool bulk_goes_on() const;
  void lane_ready();
  void lane_ended(Further& lane, const Error& error);
  void close_idle();

  loop::Loop& loop_;
  ssh::HopGraphs& hops_;
  Log& log_;
  const Profile& profile_;
  LaneOwner& owner_;
  std::vector<std::unique_ptr<Further>> further_;  // lanes 1, 2, ...
  std::optional<std::uint64_t> failed_at_ms_;
  bool out_of_patience_ = false;
  loop::Timer patience_;
  loop::Timer idle_look_;
  loop::Timer opening_look_;
  int opening_looks_left_ = 0;
  loop::Timer ahead_look_;
  int ahead_looks_left_ = 0;
};

}  // namespace tunneld::daemon
