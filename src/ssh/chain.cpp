#include "ssh/chain.h"

#include <algorithm>
#include <utility>

#include "ssh/errors.h"

namespace tunneld::ssh {
namespace {

// How long the hops before a silent one have to prove that they are alive: below the second that testing allows beyond
// interval x count. More where a round trip has never taken less than a third of that.
constexpr std::uint64_t kAlibiMs = 700;
constexpr std::uint64_t kAlibiRoundTrips = 3;

}  // namespace

Chain::Chain(HopGraph& graph, loop::Loop& home, const std::vector<Host>& hosts, ChainUser user, LaneRoute lane,
             ChainObserver& observer)
    : visit_(graph.loop()),
      graph_(graph),
      loop_(graph.loop()),
      home_(home),
      hosts_(hosts),
      user_(std::move(user)),
      lane_(lane),
      observer_(&observer),
      judgement_(loop_, [this] { judge_silence(); }),
      self_(std::make_shared<Chain*>(this)) {
  visit_.reset();
}

Chain::~Chain() {
  visit_.emplace(loop_);
  *self_ = nullptr;
  stop(AfterUse::close);
}

void Chain::tell(std::function<void(ChainObserver&)> news) {
  if (!loop_.in_own_thread()) return news(*observer_);
  home_.post([self = self_, news = std::move(news)] {
    // Only this thread stops it, or gives it another observer.
    if (*self != nullptr && !(*self)->stopped_) news(*(*self)->observer_);
  });
}

void Chain::report_to(ChainObserver& observer) {
  const loop::Visit here = visit();
  observer_ = &observer;
}

bool Chain::ready() const {
  const loop::Visit here = visit();
  return ready_;
}

VisitedSession Chain::target() {
  loop::Visit here = visit();
  return {std::move(here), ready_ ? hops_.back()->hop().session() : nullptr};
}

std::size_t Chain::channels() const {
  const loop::Visit here = visit();
  return ready_ ? hops_.back()->hop().session()->channel_count() : 0;
}

std::vector<HopProgress> Chain::steps_of(std::size_t index) const {
  const loop::Visit here = visit();
  return index < steps_.size() ? steps_[index].all() : std::vector<HopProgress>();
}

const SharedHop* Chain::hop(std::size_t index) const {
  const loop::Visit here = visit();
  return index < hops_.size() ? hops_[index] : nullptr;
}

void Chain::start() {
  const loop::Visit here = visit();
  if (stopped_) return;  // whoever starts it from the loop may come late
  take_next_hop();
}

HopLikeness Chain::likeness_at(std::size_t index) const {
  const unsigned number = index + 1 == hosts_.size() ? lane_.last : lane_.outer;
  return likeness_of(hosts_[index], user_.home, user_.agent_path, number);
}

bool Chain::would_be_slow() const {
  const loop::Visit here = visit();
  const SharedHop* hop = nullptr;
  for (std::size_t i = 0; i < hosts_.size(); ++i) {
    hop = graph_.peek(hop, likeness_at(i));
    if (hop == nullptr) return false;
    const Session* session = hop->hop().session();
    if (session != nullptr && (session->carries_bulk() || session->stalled())) return true;
  }
  return false;
}

bool Chain::hop_carries_bulk(std::size_t index) const {
  const loop::Visit here = visit();
  const Session* session = index < hops_.size() ? hops_[index]->hop().session() : nullptr;
  return session != nullptr && session->carries_bulk();
}

bool Chain::carries_bulk() const {
  const loop::Visit here = visit();
  for (std::size_t i = 0; i < hops_.size(); ++i)
    if (hop_carries_bulk(i)) return true;
  return false;
}

bool Chain::stalled() const {
  const loop::Visit here = visit();
  return std::any_of(hops_.begin(), hops_.end(), [](const SharedHop* each) {
    const Session* session = each->hop().session();
    return session != nullptr && session->stalled();
  });
}

bool Chain::login_needs_person() const {
  const loop::Visit here = visit();
  return std::any_of(hops_.begin(), hops_.end(), [](const SharedHop* each) { return each->hop().login_needs_person(); });
}

void Chain::take_next_hop() {
  SharedHop* before = hops_.empty() ? nullptr : hops_.back();
  SharedHop& next = graph_.find(before, likeness_at(hops_.size()));
  hops_.push_back(&next);
  steps_.resize(hops_.size());
  next.join(*this);
}

void Chain::stop(AfterUse after) {
  const loop::Visit here = visit();
  stopped_ = true;
  ready_ = false;
  judgement_.stop();
  let_go_from(0, after);
}

// Innermost first.
void Chain::let_go_from(std::size_t index, AfterUse after) {
  for (; hops_.size() > index; hops_.pop_back()) graph_.release(*hops_.back(), *this, after);
}

void Chain::detach() {
  const loop::Visit here = visit();
  for (SharedHop* hop : hops_) hop->detach();
}

void Chain::answer(const std::string& fingerprint, bool accept) {
  const loop::Visit here = visit();
  if (!hops_.empty()) hops_.back()->hop().answer(fingerprint, accept);  // those before it are ready
}

void Chain::withdraw_question() {
  const loop::Visit here = visit();
  if (!hops_.empty()) hops_.back()->ask_others(*this);
}

std::size_t Chain::index_of(const Hop& hop) const {
  const auto found =
      std::find_if(hops_.begin(), hops_.end(), [&hop](const auto* each) { return &each->hop() == &hop; });
  return static_cast<std::size_t>(found - hops_.begin());
}

void Chain::hop_progress(Hop& hop, const HopProgress& progress) {
  const std::size_t index = index_of(hop);
  if (stopped_) return;
  steps_[index].note(progress);
  tell([this, index, progress](ChainObserver& observer) {
    observer.chain_progress(static_cast<int>(index) + 1, hosts_[index], progress);
  });
}

void Chain::hop_state_changed(Hop& hop, HopState from, const char* reason) {
  const std::size_t index = index_of(hop);
  tell([this, index, from, to = hop.state(), reason](ChainObserver& observer) {
    observer.chain_hop_changed(static_cast<int>(index) + 1, hosts_[index], from, to, reason);
  });
}

bool Chain::hop_asks(Hop& hop, const std::string& text, const HostKey& key) {
  if (stopped_ || failed_) return false;
  const Host& host = hosts_[index_of(hop)];
  if (!loop_.in_own_thread()) return observer_->chain_asks(host, text, key);
  tell([this, &host, text, key](ChainObserver& observer) {
    if (!observer.chain_asks(host, text, key)) withdraw_question();
  });
  return true;
}

void Chain::hop_ready(Hop& hop) {
  // One that has failed is not ready any more, whatever its last hop has still to tell: clients would end up elsewhere.
  if (stopped_ || failed_ || concluding_ || ready_ || &hop != &hops_.back()->hop()) return;
  // The next hop's channel is asked for at once, in the same turn in which this one let us in.
  if (hops_.size() < hosts_.size()) return take_next_hop();
  ready_ = true;
  // Who has it in another's place meanwhile has asked whether it is ready.
  tell([for_whom = observer_](ChainObserver& observer) {
    if (&observer == for_whom) observer.chain_ready();
  });
}

// A hop that goes takes those behind it along, and they may notice first: who is guilty is decided when all
// have.
void Chain::hop_failed(Hop&) {
  if (stopped_ || std::exchange(concluding_, true)) return;
  ready_ = false;
  loop_.defer([self = self_] {
    if (*self != nullptr) (*self)->conclude();
  });
}

void Chain::conclude() {
  if (stopped_) return;
  concluding_ = false;
  ready_ = false;
  judgement_.stop();
  suspected_at_ms_ = 0;
  const auto guilty = std::find_if(hops_.begin(), hops_.end(),
                                   [](const auto* hop) { return hop->hop().state() == HopState::lost; });
  const auto index = static_cast<std::size_t>(guilty - hops_.begin());
  if (std::exchange(failed_, true)) return let_go_from(index, AfterUse::close);  // of what was kept for the next chain
  Error error = (*guilty)->hop().error();
  error.where.hop = hosts_[index].name;
  error.where.hop_number = static_cast<int>(index) + 1;
  error.where.hop_count = static_cast<int>(hosts_.size());
  error.where.position = to_string(hosts_[index].position);
  // What a server permits is settled when the session begins: only another session finds it mended.
  if (error.code == ErrorCode::forward_prohibited && index > 0) hops_[index - 1]->detach();
  // A hop that was silent while the one behind it waited in vain may be the one that is gone.
  const bool may_be_gone = index > 0 && error.code == ErrorCode::connect_timeout &&
                           !heard_within(index - 1, hosts_[index].connect_timeout);
  let_go_from(may_be_gone ? 0 : index, AfterUse::close);
  tell([error](ChainObserver& observer) { observer.chain_failed(error); });
}

bool Chain::heard_within(std::size_t index, Milliseconds time) const {
  const Session* session = hops_[index]->hop().session();
  const auto time_ms = static_cast<std::uint64_t>(time.count());
  return session != nullptr && session->last_heard_ms() + time_ms >= loop_.precise_now_ms();
}

// When a hop is silent, each hop before it may be the one that is gone. They are asked, and those that answer
// in time are alive; the first that does not is the guilty one.
void Chain::hop_silent(Hop& hop) {
  if (stopped_ || suspected_at_ms_ != 0) return;
  suspect_ = index_of(hop);
  suspected_at_ms_ = loop_.precise_now_ms();
  if (suspect_ == 0) return judge_silence();
  std::uint64_t alibi_ms = kAlibiMs;
  for (std::size_t i = 0; i < suspect_; ++i) {
    if (Session* session = hops_[i]->hop().session()) session->ping();
    alibi_ms = std::max(alibi_ms, kAlibiRoundTrips * hops_[i]->hop().shortest_rtt_us() / 1000);
  }
  judgement_.start(alibi_ms);
}

void Chain::judge_silence() {
  std::size_t guilty = suspect_;
  for (std::size_t i = 0; i < suspect_; ++i) {
    const Session* session = hops_[i]->hop().session();
    if (session != nullptr && session->last_heard_ms() + 1 >= suspected_at_ms_) continue;
    guilty = i;
    break;
  }
  suspected_at_ms_ = 0;
  Hop& hop = hops_[guilty]->hop();
  if (const Liveness* liveness = hop.liveness())
    hop.give_up(silence_error(hop.host(), static_cast<long long>(liveness->silent_ms())));
}

}  // namespace tunneld::ssh
