#include "ssh/chain.h"

#include <algorithm>
#include <utility>

#include "ssh/errors.h"

namespace tunneld::ssh {
namespace {

// How long the hops before a silent one have to prove that they are alive. Below the second that testing allows beyond
// interval x count, above any round trip that a person would work over.
constexpr std::uint64_t kAlibiMs = 700;

// Never used again while the process lives: a person can tell a session from its successor.
std::uint64_t next_session_number() {
  static std::uint64_t last = 0;
  return ++last;
}

}  // namespace

Chain::Chain(loop::Loop& loop, const std::vector<Host>& hops, const std::string& home, const std::string& agent_path,
             HostKeyStore& keys, ChainObserver& observer)
    : loop_(loop),
      observer_(observer),
      session_numbers_(hops.size(), 0),
      judgement_(loop, [this] { judge_silence(); }),
      self_(std::make_shared<Chain*>(this)) {
  std::vector<std::string> path;
  for (const Host& host : hops) {
    hops_.push_back(
        std::make_unique<Hop>(loop, host, HopSetting{home, agent_path, path}, keys, static_cast<HopObserver&>(*this)));
    path.push_back(path_component(host));
  }
}

Chain::~Chain() {
  *self_ = nullptr;
  stop();
}

void Chain::start() { hops_.front()->start(nullptr); }

void Chain::stop() {
  stopped_ = true;
  ready_ = false;
  judgement_.stop();
  for (auto hop = hops_.rbegin(); hop != hops_.rend(); ++hop) (*hop)->stop();
}

void Chain::answer(const std::string& fingerprint, bool accept) {
  for (const auto& hop : hops_) hop->answer(fingerprint, accept);
}

std::size_t Chain::index_of(const Hop& hop) const {
  const auto found = std::find_if(hops_.begin(), hops_.end(), [&hop](const auto& each) { return each.get() == &hop; });
  return static_cast<std::size_t>(found - hops_.begin());
}

void Chain::hop_progress(Hop& hop, const HopProgress& progress) {
  if (!stopped_) observer_.chain_progress(static_cast<int>(index_of(hop)) + 1, hop.host(), progress);
}

void Chain::hop_state_changed(Hop& hop, HopState from, const char* reason) {
  const std::size_t index = index_of(hop);
  if (hop.state() == HopState::handshaking) session_numbers_[index] = next_session_number();
  observer_.chain_hop_changed(static_cast<int>(index) + 1, hop.host(), from, hop.state(), reason);
}

bool Chain::hop_asks(Hop& hop, const std::string& text, const HostKey& key) {
  return observer_.chain_asks(hop.host(), text, key);
}

void Chain::hop_ready(Hop& hop) {
  const std::size_t next = index_of(hop) + 1;
  // The next hop's channel is asked for at once, in the same turn in which this one let us in.
  if (next < hops_.size()) return hops_[next]->start(&hop);
  ready_ = true;
  observer_.chain_ready();
}

// A hop that goes takes those behind it along, and they may notice first: who is guilty is decided when all have.
void Chain::hop_failed(Hop&) {
  if (stopped_ || std::exchange(concluding_, true)) return;
  ready_ = false;
  loop_.defer([self = self_] {
    if (*self != nullptr) (*self)->conclude();
  });
}

void Chain::conclude() {
  if (stopped_) return;
  const auto guilty = std::find_if(hops_.begin(), hops_.end(),
                                   [](const auto& hop) { return hop->state() == HopState::lost; });
  Error error = (*guilty)->error();
  error.where.hop = (*guilty)->host().name;
  error.where.hop_number = static_cast<int>(guilty - hops_.begin()) + 1;
  error.where.hop_count = static_cast<int>(hops_.size());
  error.where.position = to_string((*guilty)->host().position);
  stop();
  observer_.chain_failed(error);
}

// When a hop is silent, each hop before it may be the one that is gone. They are asked, and those that answer in time
// are alive; the first that does not is the guilty one.
void Chain::hop_silent(Hop& hop) {
  if (stopped_ || suspected_at_ms_ != 0) return;
  suspect_ = index_of(hop);
  suspected_at_ms_ = loop_.precise_now_ms();
  if (suspect_ == 0) return judge_silence();
  for (std::size_t i = 0; i < suspect_; ++i)
    if (Session* session = hops_[i]->session()) session->ping();
  judgement_.start(kAlibiMs);
}

void Chain::judge_silence() {
  std::size_t guilty = suspect_;
  for (std::size_t i = 0; i < suspect_; ++i) {
    const Session* session = hops_[i]->session();
    if (session != nullptr && session->last_heard_ms() + 1 >= suspected_at_ms_) continue;
    guilty = i;
    break;
  }
  suspected_at_ms_ = 0;
  Hop& hop = *hops_[guilty];
  if (const Liveness* liveness = hop.liveness())
    hop.give_up(silence_error(hop.host(), static_cast<long long>(liveness->silent_ms())));
}

}  // namespace tunneld::ssh
