// Keys of the format whose function this version lacks: refused by name, their content checked all the same.
#include "profile_folder.h"

namespace tunneld::config {
namespace {

void expect_not_built(const std::string& text, int line, int column, const std::string& what) {
  expect_only(text, line, column, what + " is not built in this version yet");
  const LoadResult result = load_text(text);
  ASSERT_FALSE(result.findings.empty());
  EXPECT_EQ(result.findings.front().code, ErrorCode::not_built);
  EXPECT_FALSE(result.findings.front().warning);
  EXPECT_FALSE(result.findings.front().fix.empty());
}

std::string forward(const std::string& text) {
  return kHead + "profiles:\n  p:\n    hops: [a.example.com]\n    forwards:\n      f: " + text + "\n";
}

TEST(NotBuilt, IsSaidOfEachKey) {
  expect_not_built(kHead + "hosts: {a: }\npools: {e: {members: [a]}}\n", 3, 1, "`pools`");
  expect_not_built(kHead + "secrets: {k: {env: X}}\n", 2, 1, "`secrets`");
  expect_not_built(kHead + "hosts:\n  h: {via: {socks5: \"localhost:1080\"}}\n", 3, 7, "`via`");
  expect_not_built(kHead + "hosts:\n  h: {preferred_authentications: [publickey, password]}\n", 3, 46,
                   "the authentication `password`");
  expect_not_built(forward("{type: dynamic, listen: \"localhost:1080\"}"), 6, 17, "`type: dynamic`");
  expect_not_built(forward("{type: remote, listen: \"localhost:1\", connect: \"localhost:2\"}"), 6, 17,
                   "`type: remote`");
  expect_not_built(forward("{listen: \"localhost:1\", connect: \"localhost:2\", app: http}"), 6, 63,
                   "`app: http`");
}

TEST(NotBuilt, APoolIsNoHopYetAndASecretNoPassphrase) {
  const LoadResult pool =
      load_text(kHead + "hosts: {a: }\npools: {e: {members: [a]}}\nprofiles: {p: {hops: [e]}}\n");
  ASSERT_EQ(pool.findings.size(), 2U) << rendered(pool);
  EXPECT_EQ(pool.findings[1].message, "a pool as hop (`e`) is not built in this version yet");
  EXPECT_EQ(pool.findings[1].position.column, 23);
  EXPECT_TRUE(pool.catalog.profiles.empty());
  for (const std::string key : {"passphrase_from", "password_from", "otp_from"}) {
    const LoadResult result = load_text(kHead + "secrets: {k: {env: X}}\nhosts:\n  h: {" + key + ": k}\n");
    ASSERT_EQ(result.findings.size(), 2U) << rendered(result);
    EXPECT_EQ(result.findings[1].message, "`" + key + "` is not built in this version yet");
    EXPECT_EQ(result.findings[1].position.line, 4);
    EXPECT_EQ(result.findings[1].position.column, 7);
  }
}

TEST(NotBuilt, AProfileThatUsesSuchAHostIsLeftOut) {
  const LoadResult result = load_text(kHead +
                                      "hosts: {a: {via: {socks5: \"x:1\"}}, b: }\n"
                                      "profiles: {p: {hops: [a]}, q: {hops: [b]}}\n");
  EXPECT_EQ(result.left_out, std::set<std::string>({"p"}));
  EXPECT_TRUE(result.catalog.profiles.contains("q"));
}

TEST(NotBuilt, WhatIsBuiltStaysQuiet) {
  EXPECT_TRUE(
      load_text(kHead +
                "profiles:\n  p: {hops: [a.b], on_demand: true, idle_timeout: 5m, access: [alice, bob],\n"
                "      preferred_authentications: [publickey]}\n  q: {hops: [a.b], access: any}\n")
          .findings.empty());
}

// The first finding says not built; the second is what is wrong inside.
void expect_inside(const std::string& text, int line, int column, const std::string& message) {
  const LoadResult result = load_text(text);
  for (const Finding& finding : result.findings) {
    if (finding.code == ErrorCode::not_built) continue;
    EXPECT_EQ(finding.position.line, line) << rendered(result);
    EXPECT_EQ(finding.position.column, column) << rendered(result);
    EXPECT_NE(finding.message.find(message), std::string::npos) << rendered(result);
    return;
  }
  ADD_FAILURE() << "nothing but not built in\n" << text;
}

TEST(NotBuilt, PoolsAreCheckedInside) {
  const auto pool = [](const std::string& text) {
    return kHead + "hosts: {aa: }\npools:\n  e: {" + text + "}\n";
  };
  expect_inside(pool("members: [ab]"), 4, 17, "no host is named `ab`");
  expect_inside(pool("tag: edge"), 4, 12, "no host's tag is named `edge`");
  expect_inside(pool("policy: fastest"), 4, 3, "a pool takes either members or a tag");
  expect_inside(pool("members: [aa], policy: first"), 4, 30, "`first` is not known here");
  expect_inside(pool("members: [aa], retry_after: 60"), 4, 35, "needs a unit");
  expect_inside(pool("member: [aa]"), 4, 7, "a pool has no key `member`");
  expect_inside(kHead + "hosts: {aa: }\npools: {aa: {members: [aa]}}\n", 3, 9, "has the name of a host");
}

TEST(NotBuilt, SecretsAreCheckedInside) {
  const auto secret = [](const std::string& text) { return kHead + "secrets:\n  k: {" + text + "}\n"; };
  expect_inside(secret("command: [op, read]"), 3, 17, "without PATH");
  expect_inside(secret("command: /usr/bin/op"), 3, 16, "expected a list");
  expect_inside(secret("env: A, file: /b"), 3, 3, "exactly one source");
  expect_inside(secret("file: b"), 3, 13, "is not an absolute path");
  expect_inside(secret("evn: A"), 3, 7, "a secret has no key `evn`");
  expect_inside(kHead + "secrets: {key: {env: X}}\nhosts: {h: {otp_from: kye}}\n", 3, 23,
                "no secret is named `***`");
}

TEST(NotBuilt, ViaAndForwardsAreCheckedInside) {
  const auto via = [](const std::string& text) { return kHead + "hosts:\n  h: {via: {" + text + "}}\n"; };
  expect_inside(via("proxy_command: [nc]"), 3, 29, "without PATH");
  expect_inside(via("socks5: localhost"), 3, 21, "needs a host and a port");
  expect_inside(via("socks5: \"unix:/x\""), 3, 21, "a SOCKS proxy is a TCP address");
  expect_inside(via("http_connect: \"proxy:80\""), 3, 27, "is not the URL of a proxy");
  expect_inside(via("socks5: \"a:1\", http_connect: \"http://a:1\""), 3, 12, "exactly one way");
  expect_inside(forward("{type: dynamic, listen: \"a:1\", connect: \"a:2\"}"), 6, 50, "has no `connect`");
  expect_inside(forward("{type: remote, listen: \"a:1\"}"), 6, 7, "has no `connect`");
  expect_inside(kHead + "hosts: {h: {via: {socks5: \"a:1\"}}}\nprofiles: {p: {hops: [x.y, h]}}\n", 3, 28,
                "only the first hop can have");
}

}  // namespace
}  // namespace tunneld::config
