// The vault as `hosts` shows it: every host, how it is reached, what is known of its key. Pure, but for the
// store that is asked.
#pragma once

#include <tunneld/host_key.h>
#include <tunneld/profile.h>

#include <string>
#include <vector>

#include "core/control/json.h"

namespace tunneld::cli {

// One way to a host. A host behind hops is another name to the host key store on each path.
struct HostRoute {
  std::vector<std::string> via;       // names of the hops before it, from you on
  std::vector<std::string> profiles;  // that go this way; empty: no profile uses the host
  std::vector<std::string> known_types;
};

struct HostView {
  Host host;
  std::vector<HostRoute> routes;  // at least one
};

// The catalog's hosts and the hops that stand in profiles only, ordered by name, those that `pattern`
// matches: part of name or hostname, a glob over either, or "@tag"; all when it is empty.
std::vector<HostView> view_hosts(const Catalog& catalog, const std::string& pattern, HostKeyStore& store);

std::string hosts_text(const std::vector<HostView>& hosts);

// {"schema": 1, "hosts": [{name, hostname, port, user, tags, host_keys, routes: [{via, profiles,
// known_types}]}]}
control::Json hosts_json(const std::vector<HostView>& hosts);

}  // namespace tunneld::cli
