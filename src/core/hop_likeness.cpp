#include "core/hop_likeness.h"

#include <algorithm>

namespace tunneld {

// A copy with what does not count taken out: a key that Host gets in future counts until somebody says
// otherwise here.
HopLikeness likeness_of(const Host& host, const std::string& home, const std::string& agent_path,
                        unsigned lane) {
  HopLikeness likeness{host, home, lane};
  likeness.host.name.clear();
  likeness.host.host.clear();
  likeness.host.tags.clear();
  likeness.host.position = {};
  likeness.host.identity_agent = host.identity_agent.value_or(agent_path);
  return likeness;
}

bool begin_alike(const std::vector<Host>& one, const std::vector<Host>& other, std::size_t count) {
  if (count > one.size() || count > other.size()) return false;
  return std::equal(one.begin(), one.begin() + static_cast<std::ptrdiff_t>(count), other.begin(),
                    [](const Host& a, const Host& b) { return likeness_of(a, "", "", 0) == likeness_of(b, "", "", 0); });
}

}  // namespace tunneld
