#include "config/clash.h"

namespace tunneld::config {

std::optional<Listener> ClashIndex::add(const Endpoint& listen, const Listener& listener) {
  std::optional<Listener> earlier;
  for (const ListenClaim& claim : listen_claims(listen)) {
    Scope& scope = scopes_[claim.scope];
    if (!earlier && scope.every_address) earlier = scope.every_address;
    if (claim.address.empty()) {
      if (!earlier) earlier = scope.first;
      if (!scope.every_address) scope.every_address = listener;
    } else {
      const auto [same, added] = scope.exact.emplace(claim.address, listener);
      if (!earlier && !added) earlier = same->second;
    }
    if (!scope.first) scope.first = listener;
  }
  return earlier;
}

}  // namespace tunneld::config
