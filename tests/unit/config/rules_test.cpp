// Each rule of the format, broken once: one finding, in the right place.
#include "profile_folder.h"

namespace tunneld::config {
namespace {

// A profile on lines 2 to 4 and, from line 5 on, `more` of it (indented by four).
std::string profile(const std::string& more) {
  return kHead + "profiles:\n  p:\n    hops: [a.example.com]\n" + more;
}
std::string host(const std::string& keys) {
  return kHead + "hosts:\n  h: {" + keys + "}\n";
}

TEST(Rules, VersionIsOne) {
  expect_only("profiles: {}\n", 1, 1, "`version` is missing", "version: 1");
  expect_only("version: 2\n", 1, 10, "version `2` is not known");
  expect_only("version: 01\n", 1, 10, "version `01` is not known");
  expect_only("version:\n", 1, 1, "`version` has no value");
  expect_only("", 1, 1, "the file is empty");
  expect_only("# nothing\n", 1, 1, "the file is empty");
  expect_only("- a\n", 1, 1, "expected a map, found a list");
}

TEST(Rules, UnknownKeysNameTheNearest) {
  expect_only(kHead + "profils: {}\n", 2, 1, "a profile file has no key `profils`",
              "did you mean `profiles`?");
  expect_only(host("prot: 22"), 3, 7, "a host has no key `prot`", "did you mean `port`?");
  expect_only(profile("    hold_timeuot: 1s\n"), 5, 5, "a profile has no key",
              "did you mean `hold_timeout`?");
  expect_only(profile("    forwards:\n      f: {listne: \"x:1\", connect: \"x:1\"}\n"), 6, 11,
              "a forward has no key", "did you mean `listen`?");
  expect_only(profile("    reconnect: {delay: 1s}\n"), 5, 17, "reconnect has no key", "known are");
  expect_only(kHead + "defaults: {usr: x}\n", 2, 12, "defaults has no key", "did you mean `user`?");
}

TEST(Rules, AKeyInTheWrongPlaceSaysWhereItBelongs) {
  expect_only(profile("    host_key_alias: x\n"), 5, 5, "a profile has no key", "it is a key of a host");
  expect_only(host("description: x"), 3, 7, "a host has no key", "it is a key of a profile");
}

TEST(Rules, DuplicateKeysMergeKeysAndTags) {
  expect_only(host("port: 1, user: é, port: 2"), 3, 25, "`port` stands twice here, first in line 3");
  expect_only(kHead + "hosts:\n  a: &a {port: 1}\n  b: {<<: *a}\n", 4, 7, "merge keys", "defaults");
  expect_only(host("port: !!int 22"), 3, 13, "tags are not part of the format");
  expect_only(host("user: ! x"), 3, 13, "tags are not part");
  expect_only(kHead + "hosts: !vault {}\n", 2, 8, "tags are not part");
  expect_only(kHead + "hosts:\n  h: &x !t {port: 1}\n", 3, 9, "tags are not part");
  expect_only(kHead + "hosts:\n  ? [a]\n  : {port: 1}\n", 3, 5, "a key must be plain text");
}

TEST(Rules, WrongTypes) {
  expect_only(kHead + "hosts: [a]\n", 2, 8, "expected a map keyed by names, found a list");
  expect_only(profile("    tags: prod\n"), 5, 11, "expected a list, found a single value", "brackets");
  expect_only(profile("    description: {a: b}\n"), 5, 18, "expected a single value, found a map");
  expect_only(kHead + "hosts:\n  h: x\n", 3, 6, "expected a map, found a single value");
  expect_only(profile("    forwards: {f: [1]}\n"), 5, 19, "or a map with listen and connect, found a list");
  expect_only(host("user: "), 3, 7, "`user` has no value");
  expect_only(kHead + "include: hosts.yaml\n", 2, 10, "expected a list");
}

TEST(Rules, ValuesAreNotYamlsGuesses) {
  EXPECT_EQ(load_text(host("user: no")).catalog.hosts.at("h").user, "no");
  EXPECT_EQ(load_text(host("user: null")).catalog.hosts.at("h").user, "null");
  EXPECT_EQ(load_text(host("user: 0123")).catalog.hosts.at("h").user, "0123");
  expect_only(host("port: 0123"), 3, 13, "\"0123\" is not a port");
  expect_only(host("port: 0x16"), 3, 13, "is not a port");
  expect_only(host("port: 70000"), 3, 13, "is not a port", "1 to 65535");
  expect_only(host("port: 0"), 3, 13, "is not a port");
  expect_only(host("identities_only: yes"), 3, 24, "`yes` is neither true nor false");
  expect_only(profile("    on_demand: True\n"), 5, 16, "`True` is neither true nor false");
  expect_only(profile("    max_connections: 1e3\n"), 5, 22, "is not a number from 1 to 100000");
  expect_only(host("server_alive_count_max: 0"), 3, 31, "is not a number from 1 to 1000");
}

TEST(Rules, Durations) {
  expect_only(host("connect_timeout: 15"), 3, 24, "needs a unit", "write it like");
  expect_only(host("connect_timeout: never"), 3, 24, "cannot be `never`");
  expect_only(host("connect_timeout: 0s"), 3, 24, "must be at least 1ms");
  expect_only(host("server_alive_interval: 0s"), 3, 30, "must be more than zero", "never");
  expect_only(profile("    reconnect: {initial_delay: 2m, max_delay: 30s}\n"), 5, 47,
              "is longer than max_delay");
  expect_only(profile("    reconnect: {initial_delay: 2m}\n"), 5, 32, "is longer than max_delay (30000ms)");
}

TEST(Rules, SecretsNeverStandInAProfile) {
  for (const std::string key : {"password", "passphrase", "otp", "Password"}) {
    expect_only(host(key + ": hunter2"), 3, 7, "secrets never stand in a profile");
    expect_only(profile("    " + key + ": hunter2\n"), 5, 5, "secrets never stand in a profile");
    const LoadResult result = load_text(host("usr: é, " + key + ": hunter2, port: 0x"));
    EXPECT_EQ(result.findings.size(), 3U);
    EXPECT_EQ(rendered(result).find("hunter2"), std::string::npos) << rendered(result);
  }
  const LoadResult quoted = load_text(host("\"password\": \"hun, ter2\", port: 0x"));
  EXPECT_EQ(quoted.findings.front().line, "  h: {\"password\": ***********, port: 0x}");
  EXPECT_EQ(rendered(load_text(kHead + "a: [password: hunter2\n")).find("hunter2"), std::string::npos);
}

TEST(Rules, WhatIsWrittenWhereASecretWouldBeIsNotShown) {
  const std::string texts[] = {
      kHead + "secrets: {s: hunter2}\n",
      kHead + "secrets: {s: {value: hunter2}}\n",
      kHead + "secrets:\n  db-password:\n    hunter2\n",
      host("passwd: hunter2"),
      host("pass: hunter2, token: hunter2, private_key: hunter2, port: 0x"),
      host("password: [hunter2, x]"),
      host("password: {hunter2: 1, hunter2: 2}"),
      host("\"pass\\x77ord\": hunter2"),
      host("password: \"hunter\\x32\", port: 0x"),
      host("via: {http_connect: \"ftp://u:hunter2@h:1\"}"),
      host("db-password: hunter2, client_secret: hunter2, dbPassword: hunter2, port: 0x"),
      host("password_from: hunter2"),
      host("token: x, token: hunter2, port: 0x"),
      kHead + "hosts:\n  h:\n    password:\n      hunter2: 1\n      hunter2: 2\n",
      kHead + "hosts: {h: {prot: &x [hunter2], token: *x}}\n",
      kHead + "secrets:\n  s:\n    hunter2: x: y\n",
      kHead + "secrets:\n  s: \"hunter2\n",
      kHead + "hosts:\n  h:\n    token: hunter2: x\n",
      kHead + "hosts: {h: {token: hunter2, secrets: {s: hunter2]}}\n",
      kHead + "hosts: {h: {token: hunter2, <<: {token: hunter2}}}\n",
      kHead + "profiles:\n  p:\n    hops: [\"root:hunter2@a.example.com\"]\n",
      kHead + "profiles:\n  p:\n    hops: [\"ssh://root:hunter2@a.example.com\"]\n",
      kHead + "profiles:\n  p:\n    hops: [\"root:hunter/@hunter:2@a.example.com\"]\n",
      kHead + "profiles:\n  p:\n    hops: [\"root:hunter'2 hunter@a.example.com\"]\n",
      kHead + "secrets:\n  s: !hunter2\n",
      kHead + "secrets:\n  s: &hunter2\n",
      kHead + "Secrets: {s: hunter2}\n",
      host("hostname: x, password_from: !hunter2 y"),
      host("user: \"root:hunter2\""),
      host("pwd: hunter2, totp: hunter2, dbpass: hunter2, credentials: hunter2, port: 0x"),
      host("identity_file: \"-----BEGIN OPENSSH PRIVATE KEY-----hunter2\""),
      kHead + "hosts:\n  h:\n    password: correct\n      hunter2 staple: x\n",
      kHead + "hosts:\n  h:\n    password: \"correct\n      hunter2\" x\n",
      kHead + "hosts:\n  h:\n    private_key: |\n-----BEGIN OPENSSH PRIVATE KEY-----\nhunter2\n-----END\n",
      kHead + "hosts:\n  h:\n    user: \"ops\nsecrets:\n  s: \"hunter2\"\n",
      kHead + "password:\nhunter2\n",
      kHead + "secrets:\n  s: |\nhunter2\n",
      kHead + "secrets:\n  s: hunter2\xFC\n",
      kHead + "hosts:\n  h:\n    password: |\n      hunter2\x01\n",
      "[prod]\npassword = hunter2\n",
      "PGPASSWORD=hunter2\n",
  };
  for (const std::string& text : texts) {
    const LoadResult result = load_text(text);
    EXPECT_TRUE(result.has_errors()) << text;
    EXPECT_EQ(rendered(result).find("hunter"), std::string::npos) << rendered(result);
  }
}

TEST(Rules, WhatIsNoSecretIsShownBesideOne) {
  EXPECT_EQ(load_text(host("token: é, prot: 1")).findings.back().line, "  h: {token: *, prot: 1}");
  EXPECT_EQ(load_text(kHead + "secrets: {s: {env: X}}\n").findings.front().line, "secrets: {s: {env: *}}");
  EXPECT_EQ(load_text(kHead + "hosts:\n  h:\n    token: x\n    port: 0x\n").findings.back().line, "    port: 0x");
  EXPECT_EQ(load_text(kHead + "hosts:\n  h:\n    token: x\n    port: 1: 2\n").findings.front().line, "    port: 1: 2");
  EXPECT_EQ(load_text(kHead + "hosts: {pass-gate: {prot: 22}}\n").findings.front().line, "hosts: {pass-gate: {prot: 22}}");
}

TEST(Rules, NamesOfHostsAndUsersCannotBeMisread) {
  expect_only(host("user: \"root:x\""), 3, 13, "must not hold ':' or '/'");
  expect_only(host("hostname: -oProxyCommand=id"), 3, 17, "must not begin with '-'");
  expect_only(host("hostname: \"a b\""), 3, 17, "must not hold white space");
  expect_only(host("hostname: \"a;b\""), 3, 17, "must not hold the character ;");
  expect_only(host("hostname: a.example.com:22"), 3, 17, "is not a host name", "port:");
  expect_only(host("user: \"$(id)\""), 3, 13, "must not hold the character $");
  expect_only(host("user: \"o'neil\""), 3, 13, "must not hold the character '");
  expect_only(host("user: \"-l\""), 3, 13, "must not begin with '-'");
  expect_only(host("user: \"a\\tb\""), 3, 13, "must not hold white space");
  expect_only(host("user: \"a\\eb\""), 3, 13, "holds a control character");
  expect_only(host("host_key_alias: \"a,b\""), 3, 23, "must not hold the character ,");
  expect_only(kHead + "profiles:\n  p:\n    hops: [\"-x@a.example.com\"]\n", 4, 12,
              "must not begin with '-'");
  expect_only(profile("    access: [\"a b\"]\n"), 5, 14, "must not hold white space");
}

TEST(Rules, NamesOfProfilesAndForwards) {
  expect_only(kHead + "profiles:\n  -p: {hops: [a.example.com]}\n", 3, 3, "cannot be the name of a profile");
  expect_only(kHead + "profiles:\n  \"a/b\": {hops: [a.example.com]}\n", 3, 3,
              "cannot be the name of a profile");
  expect_only(profile("    forwards: {é: \"1:b:1\"}\n"), 5, 16, "cannot be the name of a forward");
  expect_only(profile("    tags: [a b]\n"), 5, 12, "cannot be a tag");
  expect_only(kHead + "hosts:\n  null: {}\n  _x: {}\n", 4, 3, "cannot be the name of a host");
}

TEST(Rules, ChoicesNameTheNearest) {
  expect_only(host("strict_host_key_checking: no"), 3, 33, "host keys are always checked", "accept-new");
  expect_only(host("strict_host_key_checking: aks"), 3, 33, "`aks` is not known here", "did you mean `ask`?");
  expect_only(host("ciphers: [aes256-cbc]"), 3, 17, "`aes256-cbc` is not known here", "aes256-ctr");
  expect_only(host("preferred_authentications: [pubkey]"), 3, 35, "`pubkey` is not known here");
  expect_only(host("host_keys: [\"MD5:00\"]"), 3, 19, "is not a SHA256 fingerprint", "ssh-keygen -lf");
  expect_only(profile("    access: nobody\n"), 5, 13, "`nobody` is not known here", "same_user or any");
  expect_only(profile("    access: []\n"), 5, 13, "list of users is empty");
  expect_only(profile("    forwards:\n      f: {listen: \"a:1\", connect: \"b:1\", app: postgres}\n"), 6, 47,
              "`postgres` is not known here", "did you mean `postgresql`?");
}

TEST(Rules, Forwards) {
  const auto forward = [](const std::string& text) {
    return profile("    forwards:\n      f: " + text + "\n");
  };
  expect_only(forward("{connect: \"a:1\"}"), 6, 7, "forward `f` has no `listen`");
  expect_only(forward("{listen: \"a:1\"}"), 6, 7, "forward `f` has no `connect`");
  expect_only(forward("{listen: \"5432\", connect: \"a:1\"}"), 6, 19, "needs a host and a port");
  expect_only(forward("{listen: \"/run/x\", connect: \"a:1\"}"), 6, 19, "unix: before its path",
              "unix:/run/x");
  expect_only(forward("{listen: \"unix:run/x\", connect: \"a:1\"}"), 6, 19, "is not an absolute path");
  expect_only(forward("{listen: \"unix:/" + std::string(120, 'x') + "\", connect: \"a:1\"}"), 6, 19,
              "107 bytes");
  expect_only(forward("{listen: \"a:1\", connect: \"a:0\"}"), 6, 35, "is not a port");
  expect_only(forward("\"5432:db\""), 6, 10, "`5432:db`: this is not what ssh -L takes");
  expect_only(forward("\"5432:db:0\""), 6, 10, "is not a port");
}

TEST(Rules, TwoForwardsOnOneAddress) {
  const auto two = [](const std::string& first, const std::string& second) {
    return profile("    forwards:\n      a: {listen: \"" + first +
                   "\", connect: \"db:1\"}\n      b: {listen: \"" + second + "\", connect: \"db:1\"}\n");
  };
  expect_only(two("127.0.0.1:5432", "localhost:5432"), 7, 19,
              "forwards `a` and `b` both listen on localhost:5432");
  expect_only(two("0.0.0.0:1", "127.0.0.1:1"), 7, 19, "both listen on");
  expect_only(two("127.1:1", "127.0.0.1:1"), 7, 19, "both listen on 127.0.0.1:1");
  expect_only(two("unix:/run/a", "unix:/run/a"), 7, 19, "both listen on unix:/run/a");
  EXPECT_TRUE(load_text(two("localhost:0", "localhost:0")).findings.empty());
  EXPECT_TRUE(load_text(two("127.0.0.1:1", "[::1]:1")).findings.empty());
  expect_only(profile("    forwards: {a: \"5432:db:1\", b: \"127.0.0.1:5432:db:2\"}\n"), 5, 35,
              "both listen on");
}

TEST(Rules, WhatCannotBeListenedOnIsSaid) {
  const auto listen = [](const std::string& on) {
    return profile("    forwards:\n      a: {listen: \"" + on + "\", connect: \"db:1\"}\n");
  };
  expect_only(listen("300.1.1.1:5"), 6, 19, "\"300.1.1.1\" is no IPv4 address", "four numbers");
  expect_only(listen("unix:/"), 6, 19, "`/` is a folder, not the path of a unix socket", "add the name");
  expect_only(listen("unix:~/"), 6, 19, "is a folder");
}

TEST(Rules, TwoProfilesOnOneAddressAreAWarning) {
  const std::string text =
      kHead +
      "profiles:\n  a: {hops: [x.y], forwards: {f: \"1:b:1\"}}\n  b: {hops: [x.y], forwards: "
      "{f: \"127.0.0.1:1:b:1\"}}\n";
  expect_only(text, 4, 34, "profile `a` listens on 127.0.0.1:1 too");
  const LoadResult result = load_text(text);
  EXPECT_TRUE(result.findings.front().warning);
  EXPECT_FALSE(result.has_errors());
  EXPECT_EQ(result.catalog.profiles.size(), 2U);
}

TEST(Rules, ForwardsThatShareAVariableAreAWarning) {
  expect_only(profile("    forwards: {a-b: \"1:x:1\", a_b: \"2:x:1\"}\n"), 5, 30,
              "share the variables TUNNELD_A_B_*");
}

TEST(Rules, Hops) {
  expect_only(kHead + "profiles: {p: {}}\n", 2, 12, "profile `p` has no hops");
  expect_only(kHead + "profiles: {p: {hops: []}}\n", 2, 22, "the chain holds no hop");
  expect_only(kHead + "profiles:\n  p:\n    hops: [\"::1\"]\n", 4, 12, "stands in brackets");
  expect_only(kHead + "profiles:\n  p:\n    hops: [a.example.com:022]\n", 4, 12, "is not a port");
  expect_only(kHead + "hosts: {bastion: {}}\nprofiles:\n  p:\n    hops: [bastoin]\n", 5, 12,
              "no host or pool is named `bastoin`",
              "did you mean `bastion`? (a server of that very name is written "
              "bastoin:22)");
  EXPECT_TRUE(
      load_text(kHead + "hosts: {bastion: {}}\nprofiles: {p: {hops: [\"bastoin:22\"]}}\n").findings.empty());
  EXPECT_TRUE(load_text(kHead + "profiles: {p: {hops: [jumphost, \"[::1]\"]}}\n").findings.empty());
}

TEST(Rules, AHostStandsOnceInAChain) {
  const auto chain = [](const std::string& hops) {
    return kHead +
           "hosts: {a: {hostname: a.example.com}, b: {hostname: 10.0.0.1}, c: {hostname: 10.0.0.1}}\n" +
           "profiles:\n  p:\n    hops: [" + hops + "]\n";
  };
  expect_only(chain("a, b, a"), 5, 18, "`a` stands twice in this chain: it is hop 1 as well");
  expect_only(chain("a, b, root@a"), 5, 18, "`root@a` stands twice");
  expect_only(chain("a, A.example.com"), 5, 15, "`A.example.com` stands twice");
  expect_only(chain("x@h.example.com, y@h.example.com"), 5, 29, "stands twice");
  expect_only(chain("10.0.0.9, 10.0.0.9"), 5, 22, "stands twice");
  EXPECT_TRUE(load_text(chain("b, a, c")).findings.empty()) << "one private address in two networks";
  EXPECT_TRUE(load_text(chain("\"127.0.0.1:2201\", \"127.0.0.1:2202\"")).findings.empty());
}

TEST(Rules, Groups) {
  const std::string text = profile("groups:\n  g: [p, q, pp]\n");
  const LoadResult result = load_text(text);
  ASSERT_EQ(result.findings.size(), 2U) << rendered(result);
  EXPECT_EQ(result.findings[0].message, "no profile is named `q`");
  EXPECT_EQ(result.findings[0].position.column, 10);
  EXPECT_EQ(result.findings[1].fix, "did you mean `p`?");
  EXPECT_TRUE(result.catalog.groups.empty());
  EXPECT_EQ(load_text(profile("groups: {g: [p]}\n")).catalog.groups.at("g"), std::vector<std::string>({"p"}));
}

TEST(Rules, Variables) {
  expect_only(profile("    description: \"${HOME}\"\n"), 5, 18, "variables are not expanded here");
  expect_only(host("certificate_file: \"${HOME}/x\""), 3, 25, "variables are not expanded here");
  expect_only(kHead + "profiles:\n  p:\n    hops: [\"${X}.example.com\"]\n", 4, 12,
              "variables are not expanded here");
  expect_only(host("user: \"${NOT_SET}\""), 3, 13, "the variable `NOT_SET` is not set",
              "${NOT_SET:-default}");
  expect_only(host("user: \"${A:-${B}}\""), 3, 13, "is not a variable");
  expect_only(host("user: \"${1A}\""), 3, 13, "is not a variable");
  expect_only(host("user: \"${A\""), 3, 13, "the ${ has no }");
  expect_only(host("identity_file: $HOME/.ssh/id"), 3, 22, "a variable stands in braces");
  expect_only(host("identity_file: .ssh/id"), 3, 22, "is not an absolute path");
  expect_only(host("identity_file: ~bob/.ssh/id"), 3, 22, "only one's own ~/ is known");
  expect_only(host("user: \"${NOT_SET:-a b}\""), 3, 13, "must not hold white space");
}

TEST(Rules, ListsAreBounded) {
  std::string list;
  for (int i = 0; i < 65; ++i) list += "t" + std::to_string(i) + ",";
  const LoadResult result = load_text(profile("    tags: [" + list + "]\n"));
  ASSERT_EQ(result.findings.size(), 1U);
  EXPECT_EQ(result.findings.front().message, "a list holds at most 64 items");
}

}  // namespace
}  // namespace tunneld::config
