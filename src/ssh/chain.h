// The sessions from you to the target: hop after hop, each inside a channel of the one before. The hops are
// the graph's: chains that begin alike share them.
//
// A chain works on the loop of its graph, and is made, called and ended on its owner's, which may be another: then the
// observer hears of it a little later, through that loop. What is asked of a chain is what is so at that moment.
#pragma once

#include <tunneld/host_key.h>
#include <tunneld/profile.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "loop/loop.h"
#include "loop/timer.h"
#include "loop/visit.h"
#include "ssh/hop.h"
#include "ssh/hop_graph.h"

namespace tunneld::ssh {

class ChainObserver {
 public:
  virtual ~ChainObserver() = default;
  // `number` counts from 1. `host` is the hop as this chain's profile names it.
  virtual void chain_progress(int number, const Host& host, const HopProgress& progress) = 0;
  virtual void chain_hop_changed(int number, const Host& host, HopState from, HopState to,
                                 const char* reason) = 0;
  // A host key is to be accepted or not: Chain::answer(). False when nobody can be asked.
  virtual bool chain_asks(const Host& host, const std::string& text, const HostKey& key) = 0;
  virtual void chain_ready() = 0;
  // The chain is down; `error.where` names the guilty hop. The hops before that one still stand, and are this chain's
  // until stop(), so that the next one finds them. It may be stopped and retired, not destroyed, from here.
  virtual void chain_failed(const Error& error) = 0;
};

// Who wants a chain, and with what of theirs it logs in.
struct ChainUser {
  std::string profile;
  std::string home;
  std::string agent_path;  // SSH_AUTH_SOCK; may be empty
};

// Which of parallel sessions a chain uses (core/lane_policy.h), by number: to its last hop, and to all before it.
struct LaneRoute {
  unsigned outer = 0;
  unsigned last = 0;
  bool uses(unsigned number) const { return outer == number || last == number; }
  // That of the first hop, in whose graph all are.
  unsigned first(std::size_t hops) const { return hops == 1 ? last : outer; }
};

// A session, and the right to use it (loop/visit.h).
struct VisitedSession {
  std::optional<loop::Visit> visit;
  Session* session = nullptr;  // null: there is none
  explicit operator bool() const { return session != nullptr; }
};

class Chain : private HopUser {
 public:
  // `hosts`, the hops of the user's profile, are not looked at once it has been stopped. `home`: the owner's loop.
  Chain(HopGraph& graph, loop::Loop& home, const std::vector<Host>& hosts, ChainUser user, LaneRoute lane,
        ChainObserver& observer);
  ~Chain() override;

  void start();
  // Lets go of its hops, innermost first. What nobody else uses is closed, of which the observer hears, or lingers.
  void stop(AfterUse after);
  // No chain that starts from now on shares the sessions of this one.
  void detach();
  void answer(const std::string& fingerprint, bool accept);
  // Nobody will answer the question that chain_asks() put: it goes on to whoever else can be asked.
  void withdraw_question();

  // Before start(): a session that it would share carries another's bulk stream, or is stalled.
  bool would_be_slow() const;
  // From now on the news is for this one.
  void report_to(ChainObserver& observer);

  // For using what the calls below give away.
  loop::Visit visit() const { return loop::Visit(loop_); }
  bool ready() const;
  // Whether its session to this hop carries a bulk stream, this chain's or another's.
  bool hop_carries_bulk(std::size_t index) const;
  bool carries_bulk() const;  // one of them does
  bool stalled() const;       // one of them is, or several
  // A further lane to its target would bother a person.
  bool login_needs_person() const;
  // The session to the target; null unless ready.
  VisitedSession target();
  std::size_t channels() const;  // in it
  const ChainUser& user() const { return user_; }
  const LaneRoute& lane() const { return lane_; }
  HopGraph& graph() const { return graph_; }
  // What was told of this hop's progress so far.
  std::vector<HopProgress> steps_of(std::size_t index) const;
  // Null while the hops before this one are not ready. To be used during a visit().
  const SharedHop* hop(std::size_t index) const;

 private:
  const std::string& user_name() const override { return user_.profile; }
  void hop_progress(Hop& hop, const HopProgress& progress) override;
  void hop_state_changed(Hop& hop, HopState from, const char* reason) override;
  bool hop_asks(Hop& hop, const std::string& text, const HostKey& key) override;
  void hop_ready(Hop& hop) override;
  void hop_failed(Hop& hop) override;
  void hop_silent(Hop& hop) override;

  HopLikeness likeness_at(std::size_t index) const;
  void take_next_hop();
  void let_go_from(std::size_t index, AfterUse after);
  std::size_t index_of(const Hop& hop) const;
  void conclude();
  bool heard_within(std::size_t index, Milliseconds time) const;
  void judge_silence();
  void tell(std::function<void(ChainObserver&)> news);

  std::optional<loop::Visit> visit_;  // while this is made and unmade
  HopGraph& graph_;
  loop::Loop& loop_;
  loop::Loop& home_;
  const std::vector<Host>& hosts_;
  const ChainUser user_;
  const LaneRoute lane_;
  ChainObserver* observer_;
  std::vector<SharedHop*> hops_;  // as far as it has come
  std::vector<HopSteps> steps_;   // of each
  bool ready_ = false;
  bool stopped_ = false;
  bool concluding_ = false;
  bool failed_ = false;  // the observer knows
  std::size_t suspect_ = 0;            // the hop whose silence is being judged
  std::uint64_t suspected_at_ms_ = 0;  // 0: none is
  loop::Timer judgement_;
  std::shared_ptr<Chain*> self_;
};

}  // namespace tunneld::ssh
