#include "core/paths.h"

#include <string_view>

namespace tunneld {
namespace {

std::string absolute(const std::string& path, const std::string& cwd) {
  if (path.starts_with('/')) return path;
  return cwd.ends_with('/') ? cwd + path : cwd + "/" + path;
}

// The XDG specification: relative values are invalid and are to be ignored.
std::optional<std::string> absolute_variable(const EnvLookup& env, const std::string& name) {
  auto value = env(name);
  if (!value || !value->starts_with('/')) return std::nullopt;
  while (value->size() > 1 && value->ends_with('/')) value->pop_back();
  return value;
}

std::vector<std::string> split_sources(std::string_view list, const std::string& cwd) {
  std::vector<std::string> sources;
  while (!list.empty()) {
    const std::size_t colon = list.find(':');
    const std::string_view entry = list.substr(0, colon);
    if (!entry.empty()) sources.push_back(absolute(std::string(entry), cwd));
    list = colon == std::string_view::npos ? std::string_view{} : list.substr(colon + 1);
  }
  return sources;
}

std::string runtime_dir_of(const EnvLookup& env, uid_t uid, const std::string& state_dir,
                           const std::function<bool(const std::string&)>& exists) {
  if (const auto dir = absolute_variable(env, "XDG_RUNTIME_DIR")) return *dir + "/tunneld";
  const std::string usual = "/run/user/" + std::to_string(uid);
  return exists(usual) ? usual + "/tunneld" : state_dir + "/run";
}

}  // namespace

Paths compute_paths(const EnvLookup& env, uid_t uid, const std::string& home, const std::string& cwd,
                    const std::function<bool(const std::string&)>& exists) {
  Paths paths;
  paths.home = home;
  const std::string config_dir =
      absolute_variable(env, "XDG_CONFIG_HOME").value_or(home + "/.config") + "/tunneld";
  paths.sources = split_sources(env("TUNNELD_PROFILES").value_or(""), cwd);
  if (paths.sources.empty()) paths.sources = {config_dir + "/profiles"};
  paths.overrides = config_dir + "/overrides.yaml";
  paths.state_dir = absolute_variable(env, "XDG_STATE_HOME").value_or(home + "/.local/state") + "/tunneld";
  paths.runtime_dir = runtime_dir_of(env, uid, paths.state_dir, exists);
  const std::string socket = env("TUNNELD_SOCKET").value_or("");
  paths.socket = socket.empty() ? paths.runtime_dir + "/control.sock" : absolute(socket, cwd);
  paths.lock = paths.socket + ".lock";
  paths.known_hosts = paths.state_dir + "/known_hosts";
  paths.log = paths.state_dir + "/tunneld.log";
  return paths;
}

}  // namespace tunneld
