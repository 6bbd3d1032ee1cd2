#include <tunneld/host_key.h>
#include <tunneld/profile.h>

namespace tunneld {

std::string to_string(const SourcePosition& position) {
  if (position.line == 0) return position.file;
  return position.file + ":" + std::to_string(position.line) + ":" + std::to_string(position.column);
}

std::string host_and_port(const std::string& host, std::uint16_t port) {
  const bool ipv6 = host.find(':') != std::string::npos;
  return (ipv6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::string to_string(const Endpoint& endpoint) {
  return endpoint.kind == Endpoint::Kind::unix_socket ? "unix:" + endpoint.path
                                                      : host_and_port(endpoint.host, endpoint.port);
}

std::string path_component(const Host& host) {
  if (!host.host_key_alias.empty()) return host.host_key_alias;
  return host.port == 22 ? host.hostname : "[" + host.hostname + "]:" + std::to_string(host.port);
}

}  // namespace tunneld
