// Defaults, hosts, profiles, overrides and includes to one model.
#include "profile_folder.h"

namespace tunneld::config {
namespace {

using Strings = std::vector<std::string>;

TEST(Resolve, TheSmallestFileGetsEveryDefault) {
  const LoadResult result = load_text(
      "version: 1\nprofiles:\n  prod-db:\n    hops: [bastion.corp.com]\n    forwards:\n"
      "      postgres: \"5432:10.0.5.12:5432\"\n");
  ASSERT_TRUE(result.findings.empty()) << rendered(result);
  const Profile& profile = result.catalog.profiles.at("prod-db");
  ASSERT_EQ(profile.hops.size(), 1U);
  const Host& hop = profile.hops.front();
  EXPECT_EQ(hop.name, "bastion.corp.com");
  EXPECT_EQ(hop.host, "bastion.corp.com");
  EXPECT_EQ(hop.hostname, "bastion.corp.com");
  EXPECT_EQ(hop.user, "alice");
  EXPECT_EQ(hop.port, 22);
  EXPECT_EQ(hop.position.line, 4);
  EXPECT_EQ(hop.position.column, 12);
  EXPECT_EQ(to_string(profile.forwards.at(0).listen), "localhost:5432");
  EXPECT_EQ(to_string(profile.forwards.at(0).connect), "10.0.5.12:5432");
  EXPECT_EQ(profile.forwards.at(0).position.line, 6);
  EXPECT_EQ(profile.position.line, 3);
  EXPECT_EQ(profile.hold_timeout, Milliseconds(10'000));
  EXPECT_EQ(profile.idle_timeout, std::nullopt);
  EXPECT_EQ(profile.files.size(), 1U);
}

TEST(Resolve, EveryKeyArrives) {
  const LoadResult result = load_text(R"(version: 1
hosts:
  h:
    hostname: 10.0.0.1
    port: 2222
    user: dba
    identity_file: [~/.ssh/a, /b]
    certificate_file: ~/.ssh/a-cert.pub
    identity_agent: ~/agent.sock
    identities_only: true
    host_keys: ["SHA256:mVPwvezndPv/ARoIadVY98vAC0g+P/5633yTC4d/wXE"]
    host_key_alias: h.prod
    strict_host_key_checking: accept-new
    ciphers: [aes256-gcm@openssh.com]
    preferred_authentications: [publickey]
    connect_timeout: 1500ms
    server_alive_interval: never
    server_alive_count_max: 7
    tags: [edge]
profiles:
  p:
    description: What it is
    tags: [x, y]
    hops: [h]
    forwards:
      f: {listen: "unix:~/s", connect: "[::1]:5432", app: postgresql, type: local}
    on_demand: true
    idle_timeout: 1h
    hold_timeout: 0s
    max_connections: 5
    access: [bob, carol]
    reconnect: {initial_delay: 1s, max_delay: 1m}
)");
  ASSERT_TRUE(result.findings.empty()) << rendered(result);
  const Profile& p = result.catalog.profiles.at("p");
  const Host& h = p.hops.at(0);
  EXPECT_EQ(h.hostname, "10.0.0.1");
  EXPECT_EQ(h.port, 2222);
  EXPECT_EQ(h.user, "dba");
  EXPECT_EQ(h.identity_files, Strings({"/home/alice/.ssh/a", "/b"}));
  EXPECT_EQ(h.certificate_files, Strings({"/home/alice/.ssh/a-cert.pub"}));
  EXPECT_EQ(h.identity_agent, "/home/alice/agent.sock");
  EXPECT_TRUE(h.identities_only);
  EXPECT_EQ(h.host_keys.size(), 1U);
  EXPECT_EQ(h.host_key_alias, "h.prod");
  EXPECT_EQ(h.strict_host_key_checking, StrictHostKeyChecking::accept_new);
  EXPECT_EQ(h.ciphers, Strings({"aes256-gcm@openssh.com"}));
  EXPECT_EQ(h.preferred_authentications, Strings({"publickey"}));
  EXPECT_EQ(h.connect_timeout, Milliseconds(1'500));
  EXPECT_EQ(h.server_alive_interval, std::nullopt);
  EXPECT_EQ(h.server_alive_count_max, 7);
  EXPECT_EQ(h.tags, Strings({"edge"}));
  EXPECT_EQ(p.description, "What it is");
  EXPECT_EQ(p.tags, Strings({"x", "y"}));
  EXPECT_EQ(p.forwards.at(0).listen, (Endpoint{Endpoint::Kind::unix_socket, "", 0, "/home/alice/s"}));
  EXPECT_EQ(p.forwards.at(0).app, "postgresql");
  EXPECT_TRUE(p.on_demand);
  EXPECT_EQ(p.idle_timeout, Milliseconds(3'600'000));
  EXPECT_EQ(p.hold_timeout, Milliseconds(0));
  EXPECT_EQ(p.max_connections, 5);
  EXPECT_EQ(p.access, (Access{Access::Kind::users, {"bob", "carol"}}));
  EXPECT_EQ(p.reconnect, (Reconnect{Milliseconds(1'000), Milliseconds(60'000)}));
}

TEST(Resolve, ProfileBeatsHostBeatsDefaults) {
  const LoadResult result = load_text(R"(version: 1
defaults: {user: d, connect_timeout: 1s, server_alive_interval: 1s, port: 2200, hold_timeout: 1s, max_connections: 1}
hosts:
  h: {user: h, connect_timeout: 2s}
profiles:
  p: {hops: [h, x.example.com, "z@y.example.com:23"], connect_timeout: 3s, hold_timeout: 3s}
)");
  ASSERT_TRUE(result.findings.empty()) << rendered(result);
  const Profile& p = result.catalog.profiles.at("p");
  EXPECT_EQ(p.hops[0].user, "h");
  EXPECT_EQ(p.hops[0].hostname, "h");
  EXPECT_EQ(p.hops[0].connect_timeout, Milliseconds(3'000));
  EXPECT_EQ(p.hops[0].server_alive_interval, Milliseconds(1'000));
  EXPECT_EQ(p.hops[1].user, "d");
  EXPECT_EQ(p.hops[1].port, 2200);
  EXPECT_EQ(p.hops[2].user, "z");
  EXPECT_EQ(p.hops[2].port, 23);
  EXPECT_EQ(p.hold_timeout, Milliseconds(3'000));
  EXPECT_EQ(p.max_connections, 1);
  EXPECT_EQ(result.catalog.hosts.at("h").connect_timeout, Milliseconds(2'000))
      << "the vault knows no profile";
  EXPECT_EQ(result.catalog.hosts.at("h").position.line, 4);
}

TEST(Resolve, AHopMayDecorateAHostOfTheVault) {
  const LoadResult result = load_text(
      "version: 1\nhosts: {h: {hostname: 10.0.0.1, user: u, port: 24}}\nprofiles: {p: {hops: "
      "[\"root@h:25\"]}}\n");
  const Host& hop = result.catalog.profiles.at("p").hops.at(0);
  EXPECT_EQ(hop.name, "root@h:25");
  EXPECT_EQ(hop.host, "h");
  EXPECT_EQ(hop.hostname, "10.0.0.1");
  EXPECT_EQ(hop.user, "root");
  EXPECT_EQ(hop.port, 25);
}

TEST(Resolve, VariablesAndWhatTheyWere) {
  ProfileFolder folder;
  folder.env = {{"WHO", "carol"}, {"EMPTY", ""}, {"DIR", "/run/c"}, {"UNUSED", "x"}};
  folder.write("p.yaml", R"(version: 1
hosts:
  h: {user: "${WHO}", hostname: "${EMPTY:-gate}.${ZONE:-example.com}", identity_file: "${DIR}/id"}
profiles:
  p: {hops: [h], forwards: {a: "${DIR}/a.sock:x:1", b: {listen: "unix:${DIR}/b", connect: "unix:/c"}}}
)");
  const LoadResult result = folder.load({"p.yaml"});
  ASSERT_TRUE(result.findings.empty()) << rendered(result);
  const Profile& p = result.catalog.profiles.at("p");
  EXPECT_EQ(p.hops[0].user, "carol");
  EXPECT_EQ(p.hops[0].hostname, "gate.example.com");
  EXPECT_EQ(p.hops[0].identity_files, Strings({"/run/c/id"}));
  EXPECT_EQ(to_string(p.forwards[0].listen), "unix:/run/c/a.sock");
  EXPECT_EQ(to_string(p.forwards[1].listen), "unix:/run/c/b");
  EXPECT_EQ(result.variables,
            (std::map<std::string, std::string>{{"WHO", "carol"}, {"EMPTY", ""}, {"DIR", "/run/c"}}));
}

TEST(Resolve, TheAgentIsTheCallersNoneOrAPath) {
  const LoadResult result = load_text(
      "version: 1\nhosts: {a: {identity_agent: SSH_AUTH_SOCK}, b: {identity_agent: none}, c: "
      "{identity_agent: /s}}\n");
  EXPECT_EQ(result.catalog.hosts.at("a").identity_agent, std::nullopt);
  EXPECT_EQ(result.catalog.hosts.at("b").identity_agent, "none");
  EXPECT_EQ(result.catalog.hosts.at("c").identity_agent, "/s");
}

class Includes : public ::testing::Test {
 protected:
  ProfileFolder folder;
};

TEST_F(Includes, DefaultsReachIntoIncludesAndTheNearestWins) {
  folder.write("top.yaml",
               "version: 1\ninclude: [vault/*.yaml]\ndefaults: {user: top, connect_timeout: 1s}\n"
               "profiles: {p: {hops: [h, x.example.com]}}\n");
  folder.write("vault/h.yaml",
               "version: 1\ndefaults: {connect_timeout: 2s}\nhosts: {h: {server_alive_count_max: 9}}\n");
  const LoadResult result = folder.load({"top.yaml"});
  ASSERT_TRUE(result.findings.empty()) << rendered(result);
  const Profile& p = result.catalog.profiles.at("p");
  EXPECT_EQ(p.hops[0].user, "top");
  EXPECT_EQ(p.hops[0].connect_timeout, Milliseconds(2'000));
  EXPECT_EQ(p.hops[1].connect_timeout, Milliseconds(1'000));
  EXPECT_EQ(p.files, std::set<std::string>({folder.path("top.yaml"), folder.path("vault/h.yaml")}));
}

TEST_F(Includes, TwoFilesMayIncludeOneAndEachKeepsItsDefaults) {
  folder.write("hosts.yaml", "version: 1\nhosts: {h: }\n");
  folder.write("a.yaml",
               "version: 1\ninclude: [hosts.yaml]\ndefaults: {user: a}\nprofiles: {a: {hops: [h]}}\n");
  folder.write("b.yaml",
               "version: 1\ninclude: [./hosts.yaml]\ndefaults: {user: b}\nprofiles: {b: {hops: [h]}}\n");
  const LoadResult result = folder.load({""});
  ASSERT_TRUE(result.findings.empty()) << rendered(result);
  EXPECT_EQ(result.catalog.profiles.at("a").hops[0].user, "a");
  EXPECT_EQ(result.catalog.profiles.at("b").hops[0].user, "b");
  EXPECT_EQ(result.files.size(), 3U);
  EXPECT_EQ(result.catalog.profiles.at("a").files,
            std::set<std::string>({folder.path("a.yaml"), folder.path("hosts.yaml")}));
}

TEST_F(Includes, ACircleIsAnErrorWhereItCloses) {
  folder.write("a.yaml", "version: 1\ninclude: [b.yaml]\nprofiles: {p: {hops: [x.y]}}\n");
  folder.write("b.yaml", "version: 1\ninclude: [é.yaml, a.yaml]\n");
  folder.write("é.yaml", "version: 1\n");
  const LoadResult result = folder.load({"a.yaml"});
  ASSERT_EQ(result.findings.size(), 1U) << rendered(result);
  EXPECT_EQ(result.findings[0].position, (SourcePosition{folder.path("b.yaml"), 2, 19}));
  EXPECT_NE(result.findings[0].message.find("a.yaml -> " + folder.path("b.yaml") + " -> "),
            std::string::npos);
  EXPECT_TRUE(result.catalog.profiles.empty());
}

TEST_F(Includes, AGlobDoesNotIncludeItsOwnFile) {
  folder.write("a.yaml", "version: 1\ninclude: [\"*.yaml\"]\nprofiles: {p: {hops: [h]}}\n");
  folder.write("b.yaml", "version: 1\nhosts: {h: }\n");
  EXPECT_TRUE(folder.load({"a.yaml"}).findings.empty());
}

TEST_F(Includes, AMissingFileLeavesItsUsersOut) {
  folder.write("a.yaml",
               "version: 1\ninclude: [gone.yaml, \"none-*.yaml\"]\nprofiles: {p: {hops: [h.example.com]}}\n");
  folder.write("b.yaml", "version: 1\nprofiles: {q: {hops: [h.example.com]}}\n");
  const LoadResult result = folder.load({"a.yaml", "b.yaml"});
  ASSERT_EQ(result.findings.size(), 2U) << rendered(result);
  EXPECT_EQ(result.findings[0].position.column, 11);
  EXPECT_FALSE(result.findings[0].warning);
  EXPECT_EQ(result.findings[1].position.column, 22);
  EXPECT_TRUE(result.findings[1].warning);
  EXPECT_EQ(result.left_out, std::set<std::string>({"p"}));
  EXPECT_TRUE(result.catalog.profiles.contains("q"));
}

// The hop must not turn into a bare host name because the file that defines it is broken.
TEST_F(Includes, ABrokenVaultMakesNoBareHosts) {
  folder.write("hosts.yaml", "version: 1\nhosts: {gate: {port: 2222}\n");
  folder.write("p.yaml", "version: 1\nprofiles: {p: {hops: [gate]}, q: {hops: [x.example.com]}}\n");
  const LoadResult result = folder.load({""});
  ASSERT_EQ(result.findings.size(), 2U) << rendered(result);
  EXPECT_EQ(result.findings[1].message, "no host or pool is named `gate`");
  EXPECT_EQ(result.left_out, std::set<std::string>({"p"}));
}

TEST_F(Includes, NamesDefinedTwiceNameBothPlaces) {
  folder.write("a.yaml", "version: 1\nhosts: {h: }\nprofiles: {p: {hops: [h]}, q: {hops: [x.y]}}\n");
  folder.write("b.yaml", "version: 1\nhosts: {g: , h: }\nprofiles: {p: {hops: [g]}}\n");
  const LoadResult result = folder.load({""});
  ASSERT_EQ(result.findings.size(), 2U) << rendered(result);
  EXPECT_EQ(result.findings[0].position, (SourcePosition{folder.path("b.yaml"), 2, 14}));
  EXPECT_EQ(result.findings[0].message, "host `h` is already defined at " + folder.path("a.yaml") + ":2:9");
  EXPECT_EQ(result.findings[1].position, (SourcePosition{folder.path("b.yaml"), 3, 12}));
  EXPECT_EQ(result.findings[1].message,
            "profile `p` is already defined at " + folder.path("a.yaml") + ":3:12");
  EXPECT_EQ(result.left_out, std::set<std::string>({"p"}));
  EXPECT_TRUE(result.catalog.profiles.contains("q"));
}

TEST_F(Includes, AFileNamedTwiceIsReadOnce) {
  folder.write("a.yaml", "version: 1\nprofiles: {p: {hops: [x.y]}}\n");
  std::filesystem::create_symlink(folder.path("a.yaml"), folder.path("link.yaml"));
  const LoadResult result = folder.load({"a.yaml", "", "link.yaml"});
  EXPECT_TRUE(result.findings.empty()) << rendered(result);
  EXPECT_EQ(result.files, Strings({folder.path("a.yaml")}));
}

TEST_F(Includes, APipeIsNotWaitedFor) {
  ASSERT_EQ(std::system(("mkfifo " + folder.path("p.yaml")).c_str()), 0);
  const LoadResult result = folder.load({"p.yaml"});
  ASSERT_EQ(result.findings.size(), 1U);
  EXPECT_EQ(result.findings[0].message, "is not a regular file");
}

class Overrides : public ::testing::Test {
 protected:
  void SetUp() override {
    folder.write("team.yaml", R"(version: 1
defaults: {user: ops, connect_timeout: 1s, hold_timeout: 1s}
hosts:
  gate: {hostname: gate.example.com, user: gate, tags: [edge]}
  db: {hostname: 10.0.0.1}
profiles:
  p:
    user: team
    hops: [gate, db]
    forwards:
      a: "5432:x:5432"
      b: {listen: "localhost:2", connect: "x:2", app: postgresql}
)");
  }
  LoadResult load(const std::string& overrides) {
    folder.write("overrides.yaml", overrides);
    return folder.load({"team.yaml"}, "overrides.yaml");
  }
  ProfileFolder folder;
};

TEST_F(Overrides, AMissingFileIsFine) {
  EXPECT_TRUE(folder.load({"team.yaml"}, "none.yaml").findings.empty());
}

TEST_F(Overrides, SingleKeysWinOverEverything) {
  const LoadResult result = load(R"(version: 1
defaults: {connect_timeout: 5s}
hosts:
  gate: {user: me, port: 2222}
profiles:
  p:
    hold_timeout: 9s
    forwards:
      a: {listen: "localhost:15432"}
      c: "3:x:3"
)");
  ASSERT_TRUE(result.findings.empty()) << rendered(result);
  const Profile& p = result.catalog.profiles.at("p");
  EXPECT_EQ(p.hops[0].user, "me");
  EXPECT_EQ(p.hops[0].port, 2222);
  EXPECT_EQ(p.hops[0].hostname, "gate.example.com");
  EXPECT_EQ(p.hops[1].user, "team");
  EXPECT_EQ(p.hops[0].connect_timeout, Milliseconds(5'000));
  EXPECT_EQ(p.hold_timeout, Milliseconds(9'000));
  ASSERT_EQ(p.forwards.size(), 3U);
  EXPECT_EQ(to_string(p.forwards[0].listen), "localhost:15432");
  EXPECT_EQ(to_string(p.forwards[0].connect), "x:5432");
  EXPECT_EQ(p.forwards[1].app, "postgresql");
  EXPECT_EQ(p.forwards[2].name, "c");
  EXPECT_EQ(p.files, std::set<std::string>({folder.path("team.yaml"), folder.path("overrides.yaml")}));
}

TEST_F(Overrides, ListsReplace) {
  const LoadResult result =
      load("version: 1\nhosts: {gate: {tags: [mine]}}\nprofiles: {p: {hops: [db], tags: [x]}}\n");
  ASSERT_TRUE(result.findings.empty()) << rendered(result);
  const Profile& p = result.catalog.profiles.at("p");
  ASSERT_EQ(p.hops.size(), 1U);
  EXPECT_EQ(p.hops[0].name, "db");
  EXPECT_EQ(p.tags, Strings({"x"}));
  EXPECT_EQ(result.catalog.hosts.at("gate").tags, Strings({"mine"}));
}

TEST_F(Overrides, MayDefineProfilesOfTheirOwn) {
  const LoadResult result = load("version: 1\nprofiles: {mine: {hops: [gate]}}\n");
  EXPECT_TRUE(result.findings.empty()) << rendered(result);
  EXPECT_TRUE(result.catalog.profiles.contains("mine"));
}

TEST_F(Overrides, AMisspeltNameIsSaid) {
  folder.write("team.yaml", "version: 1\nhosts: {gate: }\nprofiles: {prod-db: {hops: [gate]}}\n");
  const LoadResult result =
      load("version: 1\nhosts: {gaet: {user: x}}\nprofiles: {prod-bd: {hold_timeout: 1s}}\n");
  ASSERT_EQ(result.findings.size(), 2U) << rendered(result);
  EXPECT_TRUE(result.findings[0].warning);
  EXPECT_EQ(result.findings[0].fix, "did you mean `gate`?");
  EXPECT_FALSE(result.findings[1].warning);
  EXPECT_EQ(result.findings[1].fix, "did you mean `prod-db`?");
}

TEST_F(Overrides, ABrokenOneLeavesEveryProfileOut) {
  const LoadResult result = load("version: 1\nprofiles: [\n");
  EXPECT_TRUE(result.has_errors());
  EXPECT_TRUE(result.catalog.profiles.empty());
  EXPECT_EQ(result.left_out, std::set<std::string>({"p"}));
}

TEST(Examples, PassWithoutAFinding) {
  const std::string folder = std::string(SOURCE_DIR) + "/profiles";
  std::size_t count = 0;
  LoadRequest request;
  request.home = "/home/alice";
  request.user = "alice";
  request.env = [](const std::string&) { return std::nullopt; };
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".yaml") continue;
    ++count;
    request.sources = {entry.path().string()};
    EXPECT_EQ(rendered(config::load(request)), "") << entry.path();
  }
  EXPECT_GE(count, 4U);
  request.sources = {folder};
  const LoadResult all = config::load(request);
  EXPECT_EQ(rendered(all), "");
  EXPECT_TRUE(all.left_out.empty());
  EXPECT_TRUE(all.catalog.profiles.contains("prod-db"));
}

}  // namespace
}  // namespace tunneld::config
