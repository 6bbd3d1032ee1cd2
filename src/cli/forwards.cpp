#include "cli/forwards.h"

#include <algorithm>
#include <cctype>
#include <string_view>

#include "core/endpoint.h"

namespace tunneld::cli {
namespace {

constexpr std::string_view kPostgresSocket = ".s.PGSQL.";  // libpq finds DIR/.s.PGSQL.PORT by -h DIR -p PORT

struct HostPort {
  std::string host;
  std::string port;
};

std::string base_name(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

// What stands for host and port to a program that only takes these.
HostPort host_port(const Endpoint& endpoint) {
  if (endpoint.kind == Endpoint::Kind::tcp) return {endpoint.host, std::to_string(endpoint.port)};
  const std::size_t slash = endpoint.path.rfind('/');
  const std::string name = base_name(endpoint.path);
  return {slash == 0 ? "/" : endpoint.path.substr(0, slash),
          name.starts_with(kPostgresSocket) ? name.substr(kPostgresSocket.size()) : ""};
}

std::string guessed_app(const OpenForward& forward) {
  const auto target = parse_endpoint(forward.connect, PortZero::allowed);
  const std::uint16_t port = target ? target->port : 0;
  const bool postgres_socket = target && base_name(target->path).starts_with(kPostgresSocket);
  if (port == 5432 || postgres_socket || forward.name.starts_with("postgres")) return "postgresql";
  if (port == 6379 || forward.name.starts_with("redis")) return "redis";
  return "";
}

std::string shell_word(const std::string& word) {
  const auto plain = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
           std::string_view("/._-:@%+,=").find(c) != std::string::npos;
  };
  if (!word.empty() && std::all_of(word.begin(), word.end(), plain)) return word;
  std::string quoted = "'";
  for (const char c : word) quoted += c == '\'' ? "'\\''" : std::string(1, c);
  return quoted + "'";
}

std::string variable_part(const std::string& forward) {
  std::string name;
  for (const char c : forward) {
    const auto byte = static_cast<unsigned char>(c);
    name += std::isalnum(byte) != 0 && byte < 0x80 ? static_cast<char>(std::toupper(byte)) : '_';
  }
  return name;
}

}  // namespace

std::vector<OpenForward> open_forwards(const control::Json& profile_up) {
  std::vector<OpenForward> forwards;
  const control::Json* list = control::find(profile_up, "forwards");
  if (!list || !list->is_array()) return forwards;
  for (const control::Json& forward : *list)
    forwards.push_back({.name = control::get_string(forward, "name"),
                        .listen = control::get_string(forward, "listen"),
                        .connect = control::get_string(forward, "connect"),
                        .app = control::get_string(forward, "app")});
  return forwards;
}

Endpoint for_client(Endpoint listen) {
  if (listen.host == "0.0.0.0" || listen.host == "*" || listen.host == "localhost") listen.host = "127.0.0.1";
  if (listen.host == "::") listen.host = "::1";
  return listen;
}

std::string client_hint(const OpenForward& forward) {
  const auto listen = parse_endpoint(forward.listen, PortZero::allowed);
  if (!listen) return "";
  const std::string app = forward.app.empty() ? guessed_app(forward) : forward.app;
  const Endpoint endpoint = for_client(*listen);
  const HostPort at = host_port(endpoint);
  if (app == "postgresql" && !at.port.empty()) return "psql -h " + shell_word(at.host) + " -p " + at.port;
  if (app == "redis" && endpoint.kind == Endpoint::Kind::unix_socket)
    return "redis-cli -s " + shell_word(endpoint.path);
  if (app == "redis") return "redis-cli -h " + shell_word(at.host) + " -p " + at.port;
  return "";
}

std::string up_line(const std::string& profile, const std::vector<OpenForward>& forwards, bool already, bool idle) {
  std::string hint;
  for (const OpenForward& forward : forwards)
    if (hint.empty()) hint = client_hint(forward);
  if (hint.empty() && forwards.size() == 1)
    if (const auto listen = parse_endpoint(forwards[0].listen, PortZero::allowed);
        listen && listen->kind == Endpoint::Kind::tcp)
      hint = to_string(for_client(*listen));
  return profile + " is up" + (already ? " (it was already)" : "") + (idle ? ", and connects with its first client" : "") +
         (hint.empty() ? "" : ": " + hint);
}

std::map<std::string, std::string> environment_of(const std::vector<OpenForward>& forwards) {
  std::map<std::string, std::string> variables;
  for (const OpenForward& forward : forwards) {
    const auto listen = parse_endpoint(forward.listen, PortZero::allowed);
    if (!listen) continue;
    const Endpoint endpoint = for_client(*listen);
    const HostPort at = host_port(endpoint);
    const bool is_unix = endpoint.kind == Endpoint::Kind::unix_socket;
    const auto set = [&](const std::string& prefix) {
      variables[prefix + "_HOST"] = at.host;
      variables[prefix + "_PORT"] = at.port;
      variables[prefix + "_ADDRESS"] = is_unix ? endpoint.path : to_string(endpoint);
    };
    set("TUNNELD_" + variable_part(forward.name));
    if (forwards.size() == 1) set("TUNNELD");
    if (forward.app == "postgresql" && !variables.contains("PGHOST")) {
      variables["PGHOST"] = at.host;
      if (!at.port.empty()) variables["PGPORT"] = at.port;
    }
  }
  return variables;
}

}  // namespace tunneld::cli
