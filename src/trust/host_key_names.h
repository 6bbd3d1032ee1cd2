// Under which names a server stands in known_hosts files (src/trust/README.md says why). Pure.
#pragma once

#include <tunneld/host_key.h>

#include <string>
#include <vector>

#include "trust/known_hosts.h"

namespace tunneld::trust {

// All in lower case.
struct HostKeyNames {
  // The name it is recorded under: the alias alone (ssh_config(5), HostKeyAlias); else "host" or
  // "[host]:port"; behind other hops "path/to/host" or "[path/to/host]:port".
  std::string name;
  NameKind kind = NameKind::plain;  // of `name`
  // What ssh itself would call it: "host", or "[host]:port" when the port is not 22. Unlike ssh, which takes
  // a line for "host" as a hint for every port, only the name with the port vouches.
  std::string plain;
  // The names whose @revoked lines count: every one above, and the bare host. A revocation can only refuse,
  // so wide is safe.
  std::vector<std::string> revocable;
};

HostKeyNames names_of(const HostKeyQuery& query);

}  // namespace tunneld::trust
