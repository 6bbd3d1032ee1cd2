#include "ssh/hop_graph.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace tunneld::ssh {
namespace {

// Long enough for the next `exec` of a script or of a person who looks at what the last one printed; short
// enough that a bastion counts nobody as present who is not.
constexpr std::uint64_t kLingerMs = 30'000;

std::string description(const Hop& hop) {
  return "session " + std::to_string(hop.session_number()) + " to " + hop.host().user + "@" +
         host_and_port(hop.host().hostname, hop.host().port);
}

}  // namespace

HopGraph::HopGraph(loop::Loop& loop, HostKeyStore& keys, Log log)
    : loop_(loop), keys_(keys), log_(std::move(log)), sweep_(loop, [this] { sweep(); }) {}

HopGraph::~HopGraph() {
  for (; !hops_.empty(); hops_.pop_back()) {
    hops_.back()->close();
    loop_.retire(std::move(hops_.back()));
  }
}

SharedHop* HopGraph::peek(const SharedHop* before, const HopLikeness& likeness) {
  const auto found = std::find_if(hops_.begin(), hops_.end(), [&](const auto& hop) {
    return hop->joinable() && hop->is(before, likeness);
  });
  return found != hops_.end() ? found->get() : nullptr;
}

SharedHop& HopGraph::find(SharedHop* before, const HopLikeness& likeness) {
  if (SharedHop* found = peek(before, likeness)) {
    if (found->hop().still_trusted()) return *found;
    found->detach();  // who dials anew is told why
  }
  hops_.push_back(std::make_unique<SharedHop>(loop_, likeness, before, keys_,
                                              [this](const SharedHop& hop, const std::string& text) {
                                                log_(description(hop.hop()) + ": " + text);
                                                sweep_.start(0);
                                              }));
  return *hops_.back();
}

void HopGraph::release(SharedHop& hop, HopUser& user, AfterUse after) {
  const bool keep = after == AfterUse::linger && hop.findable() && hop.hop().state() == HopState::ready;
  if (!keep && hop.used_by_none_but(user)) hop.hop().stop();  // while somebody hears of it
  hop.leave(user);
  hop.keep_until(keep ? loop_.precise_now_ms() + kLingerMs : 0);
  if (keep && hop.user_names().empty())
    log_(description(hop.hop()) + ": kept " + std::to_string(kLingerMs / 1000) + " s for the next user");
  sweep();
}

void HopGraph::probe_all() {
  for (const auto& hop : hops_) hop->hop().probe();
}

// From the innermost on: with the last hop behind it a hop may have become free as well.
void HopGraph::sweep() {
  const std::uint64_t now = loop_.precise_now_ms();
  std::optional<std::uint64_t> next;
  for (std::size_t i = hops_.size(); i-- > 0;) {
    if (!hops_[i]->unused()) continue;
    if (const std::uint64_t until = hops_[i]->keep_until_ms(); hops_[i]->findable() && until > now) {
      next = std::min(next.value_or(until), until);
      continue;
    }
    std::unique_ptr<SharedHop> ended = std::move(hops_[i]);
    hops_.erase(hops_.begin() + static_cast<std::ptrdiff_t>(i));
    ended->close();
    loop_.retire(std::move(ended));
  }
  if (next)
    sweep_.start(*next - now);
  else
    sweep_.stop();
}

}  // namespace tunneld::ssh
