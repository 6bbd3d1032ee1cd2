#include "core/paths.h"

#include <gtest/gtest.h>

#include <map>

namespace tunneld {
namespace {

Paths paths_with(const std::map<std::string, std::string>& variables, bool run_user_exists = false) {
  const EnvLookup env = [&](const std::string& name) -> std::optional<std::string> {
    const auto it = variables.find(name);
    if (it == variables.end()) return std::nullopt;
    return it->second;
  };
  return compute_paths(env, 1000, "/home/a", "/srvs",
                       [&](const std::string& path) { return run_user_exists && path == "/run/user/1000"; });
}

TEST(Paths, FollowTheXdgVariables) {
  const Paths paths =
      paths_with({{"XDG_CONFIG_HOME", "/c"}, {"XDG_RUNTIME_DIR", "/r/"}, {"XDG_STATE_HOME", "/s"}});
  EXPECT_EQ(paths.home, "/home/a");
  EXPECT_EQ(paths.sources, std::vector<std::string>{"/c/tunneld/profiles"});
  EXPECT_EQ(paths.overrides, "/c/tunneld/overrides.yaml");
  EXPECT_EQ(paths.runtime_dir, "/r/tunneld");
  EXPECT_EQ(paths.socket, "/r/tunneld/control.sock");
  EXPECT_EQ(paths.lock, "/r/tunneld/control.sock.lock");
  EXPECT_EQ(paths.state_dir, "/s/tunneld");
  EXPECT_EQ(paths.known_hosts, "/s/tunneld/known_hosts");
  EXPECT_EQ(paths.log, "/s/tunneld/tunneld.log");
}

TEST(Paths, HaveDefaultsInTheHomeFolder) {
  const Paths paths = paths_with({});
  EXPECT_EQ(paths.sources, std::vector<std::string>{"/home/a/.config/tunneld/profiles"});
  EXPECT_EQ(paths.state_dir, "/home/a/.local/state/tunneld");
  EXPECT_EQ(paths.runtime_dir, "/home/a/.local/state/tunneld/run");
}

TEST(Paths, UseRunUserWhereItExists) {
  EXPECT_EQ(paths_with({}, true).socket, "/run/user/1000/tunneld/control.sock");
}

TEST(Paths, EmptyOrRelativeXdgVariablesCountAsUnset) {
  const Paths paths =
      paths_with({{"XDG_CONFIG_HOME", ""}, {"XDG_STATE_HOME", "state"}, {"XDG_RUNTIME_DIR", "../run"}});
  EXPECT_EQ(paths.overrides, "/home/a/.config/tunneld/overrides.yaml");
  EXPECT_EQ(paths.state_dir, "/home/a/.local/state/tunneld");
  EXPECT_EQ(paths.runtime_dir, "/home/a/.local/state/tunneld/run");
}

TEST(Paths, ProfilesAreAColonSeparatedListMadeAbsolute) {
  const Paths paths = paths_with({{"TUNNELD_PROFILES", "/etc/team::mine.yaml:"}});
  EXPECT_EQ(paths.sources, (std::vector<std::string>{"/etc/team", "/srvs/mine.yaml"}));
  EXPECT_EQ(paths_with({{"TUNNELD_PROFILES", ""}}).sources.size(), 1U);
  EXPECT_EQ(paths_with({{"TUNNELD_PROFILES", ":"}}).sources.front(), "/home/a/.config/tunneld/profiles");
}

TEST(Paths, SocketCanBePlacedElsewhereWithItsLock) {
  const Paths paths = paths_with({{"TUNNELD_SOCKET", "x/my.sock"}});
  EXPECT_EQ(paths.socket, "/srvs/x/my.sock");
  EXPECT_EQ(paths.lock, "/srvs/x/my.sock.lock");
  EXPECT_EQ(paths_with({{"TUNNELD_SOCKET", ""}}).socket, "/home/a/.local/state/tunneld/run/control.sock");
}

}  // namespace
}  // namespace tunneld
