#include "trust/host_key_names.h"

#include <algorithm>

namespace tunneld::trust {
namespace {

constexpr std::uint16_t kSshPort = 22;

std::string with_port(const std::string& host, std::uint16_t port) {
  return port == kSshPort ? host : "[" + host + "]:" + std::to_string(port);
}

}  // namespace

HostKeyNames names_of(const HostKeyQuery& query) {
  const std::string host = lower_case(query.hostname);
  HostKeyNames names;
  names.plain = with_port(host, query.port);
  if (!query.alias.empty()) {
    names.name = lower_case(query.alias);
  } else if (query.path.empty()) {
    names.name = names.plain;
  } else {
    std::string scoped;
    for (const std::string& component : query.path) scoped += lower_case(component) + "/";
    names.name = with_port(scoped + host, query.port);
    names.kind = NameKind::scoped;
  }
  for (const std::string& name : {names.name, names.plain, host})
    if (std::find(names.revocable.begin(), names.revocable.end(), name) == names.revocable.end())
      names.revocable.push_back(name);
  return names;
}

}  // namespace tunneld::trust
