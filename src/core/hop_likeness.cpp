#include "core/hop_likeness.h"

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

}  // namespace tunneld
