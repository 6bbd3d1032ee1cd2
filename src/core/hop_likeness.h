// When two hops are alike enough for their chains to share one session.
#pragma once

#include <tunneld/profile.h>

#include <cstddef>
#include <string>
#include <vector>

namespace tunneld {

// Everything that makes a session to a hop what it is, and nothing else: where it leads, whom it logs in with
// what, which host key it trusts, how it is watched. The way to the hop is the likeness of the hops before
// it. A session that is like the one wanted is one that the profile would have been allowed to make itself.
struct HopLikeness {
  Host host;          // without what only names it or says where it is written; identity_agent resolved
  std::string home;   // for the usual keys in ~/.ssh
  unsigned lane = 0;  // parallel sessions to one hop are told apart by it
  bool operator==(const HopLikeness&) const = default;
};

// `home` and `agent_path` (SSH_AUTH_SOCK, may be empty) are those of whoever wants the chain.
HopLikeness likeness_of(const Host& host, const std::string& home, const std::string& agent_path,
                        unsigned lane);

// The first `count` hops of two chains are alike, for the same user. False when one has fewer.
bool begin_alike(const std::vector<Host>& one, const std::vector<Host>& other, std::size_t count);

}  // namespace tunneld
