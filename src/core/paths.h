// Where tunneld keeps its files (fixed interface), computed from the environment. Pure: nothing is created or read.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace tunneld {

using EnvLookup = std::function<std::optional<std::string>(const std::string&)>;

struct Paths {
  std::string home;
  std::vector<std::string> sources;  // TUNNELD_PROFILES, else $XDG_CONFIG_HOME/tunneld/profiles; absolute
  std::string overrides;             // $XDG_CONFIG_HOME/tunneld/overrides.yaml
  std::string runtime_dir;           // $XDG_RUNTIME_DIR/tunneld, else /run/user/UID/tunneld, else <state>/run; never /tmp
  std::string socket;                // TUNNELD_SOCKET, else <runtime_dir>/control.sock
  std::string lock;                  // the socket's path + ".lock": two sockets are two daemons
  std::string state_dir;             // $XDG_STATE_HOME/tunneld, else ~/.local/state/tunneld
  std::string known_hosts;           // <state>/known_hosts
  std::string log;                   // <state>/tunneld.log
};

// `exists` says whether a directory exists (for /run/user/UID). `cwd` makes relative entries absolute.
// An unset or empty XDG variable, or one that is not absolute, counts as unset (XDG base directory specification).
Paths compute_paths(const EnvLookup& env, uid_t uid, const std::string& home, const std::string& cwd,
                    const std::function<bool(const std::string&)>& exists);

}  // namespace tunneld
