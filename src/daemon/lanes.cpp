#include "daemon/lanes.h"

#include <algorithm>
#include <set>
#include <utility>

namespace tunneld::daemon {
namespace {

constexpr LaneLimits kLimits;
// How long a client waits for a lane that is opened for it, before it takes one that is busy: a chain of three hops over
// a link of 100 ms stands after about as long.
constexpr std::uint64_t kPatienceMs = 2'000;
// How often lanes are looked at that may have been idle for long enough.
constexpr std::uint64_t kIdleLookMs = 5'000;
// Numbers beyond the lanes that a tunnel may have: other profiles may use the same, and be busy. From this on the first is taken.
constexpr unsigned kLastNumber = 64;
// How often sessions are looked at in which clients wait for the target's answer, and how often after the last has come: a
// target may be slow, and a session that stalls later is found out by its keepalive.
constexpr std::uint64_t kOpeningLookMs = 1'000;
constexpr int kOpeningLooks = 12;
// How often after the last client has come it is looked at whether one moves bulk: a dump begins soon. Beside one that begins
// later the next client has to wait for its lane.
constexpr std::uint64_t kAheadLookMs = 1'000;
constexpr int kAheadLooks = 12;

Lane fact_of(const ssh::Chain& chain, std::uint64_t idle_ms) {
  const loop::Visit visit = chain.visit();  // all of one moment
  if (!chain.ready()) return {LaneState::opening, 0, false, false, 0};
  return {LaneState::ready, chain.channels(), chain.carries_bulk(), chain.stalled(), idle_ms};
}

const char* why_another(const std::vector<Lane>& lanes) {
  const auto all = [&lanes](auto predicate) { return std::all_of(lanes.begin(), lanes.end(), predicate); };
  if (all([](const Lane& lane) { return lane.stalled; })) return "those there do not answer";
  if (all([](const Lane& lane) { return lane.stalled || lane.carries_bulk; })) return "a bulk stream is in the way";
  return "those there are crowded";
}

}  // namespace

// One lane other than the chain itself.
class Lanes::Further : private ssh::ChainObserver {
 public:
  Further(Lanes& lanes, const ssh::Chain& lane_0, ParallelFrom from)
      : lanes_(lanes),
        chain_(lanes.make_chain(lane_0, lanes.free_route(lane_0, from, static_cast<ssh::ChainObserver&>(*this)),
                                static_cast<ssh::ChainObserver&>(*this))),
        self_(std::make_shared<Further*>(this)) {}
  ~Further() override { *self_ = nullptr; }

  // From the loop: it may fail at once, and whoever asks for it is in the middle of choosing.
  void start_soon() {
    lanes_.loop_.defer([self = self_] {
      if (*self != nullptr) (*self)->chain_->start();
    });
  }
  Lane fact(std::uint64_t now_ms) const { return fact_of(*chain_, empty_since_ms == 0 ? 0 : now_ms - empty_since_ms); }
  ssh::Chain& chain() { return *chain_; }
  std::unique_ptr<ssh::Chain> give_chain() { return std::move(chain_); }
  unsigned number() const { return chain_->lane().last; }

  // Since when it has no channel; 0 as long as it has one.
  std::uint64_t empty_since_ms = 0;

 private:
  void chain_progress(int, const Host&, const ssh::HopProgress&) override {}
  void chain_hop_changed(int, const Host& host, HopState from, HopState to, const char* reason) override {
    lanes_.log_.info(lanes_.profile_.name, "lane " + std::to_string(number()) + ", hop " + host.name + ": " +
                                               std::string(to_string(from)) + " -> " + std::string(to_string(to)) +
                                               " (" + reason + ")");
  }
  // Lane 0 has been let in with the same key: a question now would be about a key that has changed.
  bool chain_asks(const Host&, const std::string&, const HostKey&) override { return false; }
  void chain_ready() override {
    lanes_.failed_at_ms_.reset();
    lanes_.lane_ready();
  }
  void chain_failed(const Error& error) override { lanes_.lane_ended(*this, error); }

  Lanes& lanes_;
  std::unique_ptr<ssh::Chain> chain_;
  std::shared_ptr<Further*> self_;
};

Lanes::Lanes(loop::Loop& loop, ssh::HopGraphs& hops, Log& log, const Profile& profile, LaneOwner& owner)
    : loop_(loop),
      hops_(hops),
      log_(log),
      profile_(profile),
      owner_(owner),
      patience_(loop, [this] { without_waiting([this] { owner_.lanes_changed(); }); }),
      idle_look_(loop, [this] { close_idle(); }),
      opening_look_(loop, [this] { look_after_openings(); }),
      ahead_look_(loop, [this] { open_ahead(); }) {}

Lanes::~Lanes() { close(); }

void Lanes::close() {
  patience_.stop();
  idle_look_.stop();
  opening_look_.stop();
  ahead_look_.stop();
  for (auto& lane : further_) {
    lane->chain().stop(ssh::AfterUse::close);
    loop_.retire(std::move(lane));
  }
  further_.clear();
  failed_at_ms_.reset();  // the next chain finds out for itself
}

void Lanes::detach() {
  for (const auto& lane : further_) lane->chain().detach();
}

std::vector<Lane> Lanes::facts(const ssh::Chain& chain) const {
  std::vector<Lane> lanes{fact_of(chain, 0)};
  for (const auto& lane : further_) lanes.push_back(lane->fact(loop_.precise_now_ms()));
  return lanes;
}

LaneAsk Lanes::ask(const ssh::Chain& chain) const {
  std::optional<std::uint64_t> since_failure_ms;
  if (failed_at_ms_) since_failure_ms = loop_.precise_now_ms() - *failed_at_ms_;
  const auto hold_ms = static_cast<std::uint64_t>(profile_.hold_timeout.count());
  // A client that may not be held long gets what there is.
  return {may_open_lane(chain.login_needs_person(), since_failure_ms), !out_of_patience_ && hold_ms > kPatienceMs};
}

ssh::VisitedSession Lanes::choose() {
  ssh::Chain* chain = owner_.lane_0();
  if (chain == nullptr) return {};
  const std::vector<Lane> lanes = facts(*chain);
  const LaneChoice choice = choose_lane(lanes, kLimits, ask(*chain));
  if (choice.open) open(*chain, lanes, why_another(lanes));
  if (!choice.lane) {
    if (!patience_.active()) patience_.start(kPatienceMs);
    return {};
  }
  opening_looks_left_ = kOpeningLooks;
  if (!opening_look_.active()) opening_look_.start(kOpeningLookMs, kOpeningLookMs);
  ahead_looks_left_ = kAheadLooks;
  if (!ahead_look_.active()) ahead_look_.start(kAheadLookMs, kAheadLookMs);
  if (*choice.lane != 0) further_[*choice.lane - 1]->empty_since_ms = 0;  // it may be empty again at the next look
  return session_of(*choice.lane);
}

ssh::VisitedSession Lanes::session_of(std::size_t lane) const {
  ssh::Chain* chain = lane == 0 ? owner_.lane_0() : &further_[lane - 1]->chain();
  return chain != nullptr ? chain->target() : ssh::VisitedSession();
}

std::unique_ptr<ssh::Chain> Lanes::make_chain(const ssh::Chain& lane_0, const ssh::LaneRoute& route,
                                              ssh::ChainObserver& observer) const {
  const std::size_t hops = profile_.hops.size();
  const unsigned first = route.first(hops);
  // What it shares with lane 0 is where that found it: the number's own graph may be another by now, or there may be none.
  ssh::HopGraph& graph = first == lane_0.lane().first(hops) ? lane_0.graph() : hops_.at(first, hops);
  return std::make_unique<ssh::Chain>(graph, loop_, profile_.hops, lane_0.user(), route, observer);
}

void Lanes::open(const ssh::Chain& chain, const std::vector<Lane>& lanes, const char* why) {
  std::vector<bool> bulk;
  for (std::size_t i = 0; i < profile_.hops.size(); ++i) bulk.push_back(chain.hop_carries_bulk(i));
  const bool any_stalled = std::any_of(lanes.begin(), lanes.end(), [](const Lane& lane) { return lane.stalled; });
  further_.push_back(std::make_unique<Further>(*this, chain, parallel_from(bulk, any_stalled)));
  log_.info(profile_.name, "lane " + std::to_string(further_.back()->number()) + " opens: " + why);
  if (!idle_look_.active()) idle_look_.start(kIdleLookMs, kIdleLookMs);
  further_.back()->start_soon();
}

std::vector<ssh::VisitedSession> Lanes::sessions() const {
  std::vector<ssh::VisitedSession> sessions;
  for (std::size_t lane = 0; lane <= further_.size(); ++lane)
    if (ssh::VisitedSession session = session_of(lane)) sessions.push_back(std::move(session));
  return sessions;
}

// A client that gets no answer is the first to notice that a session is dead: a network that has changed says nothing. All are
// asked together, so that nobody is sent from one that is dead to the next.
void Lanes::look_after_openings() {
  const std::vector<ssh::VisitedSession> all = sessions();
  const bool awaited = std::any_of(all.begin(), all.end(), [this](const auto& each) { return owner_.awaited(*each.session); });
  if (!awaited || --opening_looks_left_ < 0) return opening_look_.stop();
  for (const ssh::VisitedSession& each : all) each.session->ping_if_quiet();
  leave_stalled();
}

// Its clients need not wait for what the keepalive finds in its own time, if there is another lane to be had.
void Lanes::leave_stalled() {
  std::vector<ssh::VisitedSession> stalled = sessions();
  std::erase_if(stalled, [this](const auto& each) { return !each.session->stalled() || !owner_.awaited(*each.session); });
  const ssh::Chain* chain = owner_.lane_0();
  if (stalled.empty() || chain == nullptr) return;
  const std::vector<Lane> lanes = facts(*chain);
  const LaneChoice choice = choose_lane(lanes, kLimits, ask(*chain));
  if (choice.open) open(*chain, lanes, why_another(lanes));
  if (!choice.lane || lanes[*choice.lane].stalled) return;
  // A client is moved once: only to one that has been heard of since, not to one whose own silence is shorter.
  const ssh::VisitedSession next = session_of(*choice.lane);
  if (!next) return;
  std::erase_if(stalled, [&next](const auto& each) {
    return next.session->last_heard_ms() <= each.session->pinged_at_ms();
  });
  if (stalled.empty()) return;
  for (const ssh::VisitedSession& each : stalled) owner_.lane_stalls(*each.session);
  owner_.lanes_changed();
}

// Not where one could not be opened, or was lost, and none has been since: the server may count it against the user.
void Lanes::open_ahead() {
  const ssh::Chain* chain = owner_.lane_0();
  const std::vector<Lane> lanes = chain != nullptr ? facts(*chain) : std::vector<Lane>();
  const bool in_use = std::ranges::any_of(lanes, [](const Lane& lane) { return lane.channels > 0; });
  if (--ahead_looks_left_ < 0 || !in_use || failed_at_ms_ || !owner_.anybody_may_come()) return ahead_look_.stop();
  if (bulk_goes_on() && choose_lane(lanes, kLimits, ask(*chain)).open)
    open(*chain, lanes, "a bulk stream goes on, and who comes next is not to wait");
}

// In all of the target's sessions that carry any: what has just begun in one may be over soon, and leave it quiet again. Beside
// bulk of others through a hop before the target they make room themselves.
bool Lanes::bulk_goes_on() const {
  bool any = false;
  for (const ssh::VisitedSession& each : sessions()) {
    if (!each.session->carries_bulk()) continue;
    if (each.session->bulk_ms() < kAheadAfterMs) return false;
    any = true;
  }
  return any;
}

std::unique_ptr<ssh::Chain> Lanes::successor() {
  const auto found = std::find_if(further_.begin(), further_.end(), [](const auto& lane) {
    const loop::Visit visit = lane->chain().visit();
    return lane->chain().ready() && !lane->chain().stalled();
  });
  if (found == further_.end()) return nullptr;
  std::unique_ptr<ssh::Chain> chain = (*found)->give_chain();
  loop_.retire(std::move(*found));
  further_.erase(found);
  return chain;
}

// With a number of its own, and one under which others, who share it, do not move bulk or wait in vain already.
ssh::LaneRoute Lanes::free_route(const ssh::Chain& chain, ParallelFrom from, ssh::ChainObserver& observer) const {
  const auto route = [&](unsigned number) {
    return ssh::LaneRoute{from == ParallelFrom::first_hop ? number : chain.lane().outer, number};
  };
  unsigned number = 0;
  for (;; ++number) {
    const bool taken =
        chain.lane().uses(number) || std::any_of(further_.begin(), further_.end(), [number](const auto& lane) {
          return lane->chain().lane().uses(number);
        });
    if (taken) continue;
    if (number >= kLastNumber || !make_chain(chain, route(number), observer)->would_be_slow()) return route(number);
  }
}

void Lanes::without_waiting(const std::function<void()>& asks) {
  out_of_patience_ = true;
  asks();
  out_of_patience_ = false;
}

// Patience is that of the first who waits: one lane after the other may fill up before it is his turn.
void Lanes::lane_ready() {
  leave_stalled();
  if (!owner_.lanes_changed()) patience_.stop();
}

void Lanes::lane_ended(Further& lane, const Error& error) {
  failed_at_ms_ = loop_.precise_now_ms();
  log_.warn(profile_.name, "lane " + std::to_string(lane.number()) + " has ended: " +
                               std::string(error_info(error.code).name) + ": " + error.message +
                               (error.where.hop.empty() ? "" : " (hop " + error.where.hop + ")"));
  const auto found =
      std::find_if(further_.begin(), further_.end(), [&lane](const auto& each) { return each.get() == &lane; });
  lane.chain().stop(ssh::AfterUse::close);
  loop_.retire(std::move(*found));
  further_.erase(found);
  lane_ready();  // who waited for it takes another
}

void Lanes::close_idle() {
  const std::uint64_t now = loop_.precise_now_ms();
  for (const auto& lane : further_) {
    const bool empty = lane->chain().ready() && lane->chain().channels() == 0;
    if (!empty)
      lane->empty_since_ms = 0;
    else if (lane->empty_since_ms == 0)
      lane->empty_since_ms = now;
  }
  const ssh::Chain* chain = owner_.lane_0();
  std::vector<Lane> lanes{chain != nullptr ? fact_of(*chain, 0) : Lane{}};
  for (const auto& lane : further_) lanes.push_back(lane->fact(now));
  // It is idle from when nobody would take it next: a dump pauses, and so do jobs of which each opens a connection.
  if (const auto next = quiet_lane(lanes, kLimits); next && *next > 0 && lanes[*next].channels == 0)
    further_[*next - 1]->empty_since_ms = now;
  const std::vector<std::size_t> idle = lanes_to_close(lanes, kLimits);
  for (auto number = idle.rbegin(); number != idle.rend(); ++number) {
    const auto at = further_.begin() + static_cast<std::ptrdiff_t>(*number - 1);
    log_.info(profile_.name, "lane " + std::to_string((*at)->number()) + " closes: nobody has used it for a while");
    (*at)->chain().stop(ssh::AfterUse::close);
    loop_.retire(std::move(*at));
    further_.erase(at);
  }
  if (further_.empty()) idle_look_.stop();
}

std::size_t Lanes::further_sessions(const ssh::Chain& chain, std::size_t hop) const {
  std::set<const ssh::SharedHop*> sessions;  // several lanes may run through one
  for (const auto& lane : further_)
    if (lane->chain().ready()) sessions.insert(lane->chain().hop(hop));
  sessions.erase(chain.hop(hop));
  return sessions.size();
}

}  // namespace tunneld::daemon
