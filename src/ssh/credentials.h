// What the hops of a chain are logged in to with, as one number: tells whether a person has changed it since.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <tunneld/profile.h>

namespace tunneld::ssh {

// Of the key and certificate files (which there are, and when they were written) and of the keys that the agents list.
// `hops` have their identity_agent resolved, as in HopLikeness. Blocks, up to 2 s for each agent: off the loop.
// Nothing when an agent is there but has not answered in time.
std::optional<std::uint64_t> credentials_mark(const std::vector<Host>& hops, const std::string& home);

}  // namespace tunneld::ssh
