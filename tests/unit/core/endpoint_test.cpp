#include "core/endpoint.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace tunneld {
namespace {

TEST(Port, IsADecimalNumberInRange) {
  EXPECT_EQ(parse_port("1", PortZero::refused), 1);
  EXPECT_EQ(parse_port("65535", PortZero::refused), 65535);
  EXPECT_EQ(parse_port("0", PortZero::allowed), 0);
  for (const char* text :
       {"", "0", "0123", "65536", "-1", "+1", "1e3", "0x16", " 22", "22 ", "99999999999", "ssh"})
    EXPECT_FALSE(parse_port(text, PortZero::refused).has_value()) << text;
}

TEST(Endpoint, TakesNamesAddressesAndSockets) {
  for (const char* text : {"127.0.0.1:5432", "[::1]:5432", "db.example.com:1", "unix:/run/x.sock"})
    EXPECT_EQ(to_string(parse_endpoint(text, PortZero::refused).value()), text);
  EXPECT_EQ(parse_endpoint("localhost:0", PortZero::allowed)->port, 0);
  EXPECT_EQ(parse_endpoint("*:80", PortZero::allowed)->host, kAnyAddress);
  EXPECT_EQ(parse_endpoint("unix:${DIR:-/tmp}/a:b", PortZero::refused)->path, "${DIR:-/tmp}/a:b");
}

TEST(Endpoint, RefusesHalvesAndBareIPv6) {
  for (const char* text : {"", ":", "5432", "host", "host:", ":5432", "::1:5432", "[::1]", "[::1]5432",
                           "unix:", "/run/x", "-host:1", "ho st:1", "host:0", "host:x", "*:1"})
    EXPECT_FALSE(parse_endpoint(text, PortZero::refused).has_value()) << text;
}

TEST(Endpoint, AddressesToListenOnHaveOneSpelling) {
  const std::pair<const char*, const char*> meant[] = {{"0:1", "0.0.0.0:1"},
                                                       {"127.1:1", "127.0.0.1:1"},
                                                       {"0x7f000001:1", "127.0.0.1:1"},
                                                       {"010.0.0.1:1", "8.0.0.1:1"},
                                                       {"a1:1", "a1:1"},
                                                       {"node-1.2:1", "node-1.2:1"},
                                                       {"[::1]:1", "[::1]:1"}};
  for (const auto& [text, address] : meant) {
    EXPECT_EQ(to_string(parse_endpoint(text, PortZero::allowed).value()), address);
    EXPECT_EQ(to_string(parse_local_forward(std::string(text) + ":x:1")->listen), address);
  }
  for (const char* text : {"300.1.1.1:5", "127.0.0.1.1:5", "4294967296:5"}) {
    EXPECT_FALSE(parse_endpoint(text, PortZero::allowed).has_value()) << text;
    EXPECT_FALSE(parse_local_forward(std::string(text) + ":x:1").has_value()) << text;
  }
  EXPECT_EQ(parse_endpoint("127.1:1", PortZero::refused)->host, "127.1");  // another machine reads it
}

struct ForwardCase {
  const char* text;
  const char* listen;
  const char* connect;
};
class LocalForward : public testing::TestWithParam<ForwardCase> {};

TEST_P(LocalForward, IsWhatSshTakes) {
  const auto spec = parse_local_forward(GetParam().text);
  ASSERT_TRUE(spec.has_value()) << GetParam().text << ": " << spec.error().message;
  EXPECT_EQ(to_string(spec->listen), GetParam().listen) << GetParam().text;
  EXPECT_EQ(to_string(spec->connect), GetParam().connect) << GetParam().text;
}

INSTANTIATE_TEST_SUITE_P(
    Table, LocalForward,
    testing::Values(ForwardCase{"5432:10.0.5.12:5432", "localhost:5432", "10.0.5.12:5432"},
                    ForwardCase{" 5432:db:1", "localhost:5432", "db:1"},
                    ForwardCase{"0:db:1", "localhost:0", "db:1"},
                    ForwardCase{"127.0.0.1:80:web:8080", "127.0.0.1:80", "web:8080"},
                    ForwardCase{"localhost:80:web:8080", "localhost:80", "web:8080"},
                    ForwardCase{":80:web:8080", "*:80", "web:8080"},
                    ForwardCase{"*:80:web:8080", "*:80", "web:8080"},
                    ForwardCase{"[::1]:80:[2001:db8::1]:8080", "[::1]:80", "[2001:db8::1]:8080"},
                    ForwardCase{"80:[2001:db8::1]:8080", "localhost:80", "[2001:db8::1]:8080"},
                    ForwardCase{"80:/run/web.sock", "localhost:80", "unix:/run/web.sock"},
                    ForwardCase{"127.0.0.1:80:/run/web.sock", "127.0.0.1:80", "unix:/run/web.sock"},
                    ForwardCase{"/tmp/a.sock:web:8080", "unix:/tmp/a.sock", "web:8080"},
                    ForwardCase{"/tmp/a.sock:/run/b.sock", "unix:/tmp/a.sock", "unix:/run/b.sock"},
                    ForwardCase{"/tmp/a\\:b.sock:/run/b.sock", "unix:/tmp/a:b.sock", "unix:/run/b.sock"},
                    ForwardCase{"[/tmp/a:b.sock]:web:1", "unix:/tmp/a:b.sock", "web:1"},
                    ForwardCase{"${DIR:-/tmp}/a.sock:web:1", "unix:${DIR:-/tmp}/a.sock", "web:1"},
                    ForwardCase{"~/a.sock:web:1", "unix:~/a.sock", "web:1"}));

TEST(LocalForwardErrors, AreRefused) {
  for (const char* text : {"", "5432", "5432:db", "a:b:c:d:e", "5432:db:0", "x:db:1",
                           "5432:db:", "1:2:", "70000:db:1", "[::1:80:web:1", "[::1]x:80:web:1", "80:-db:1",
                           "80:d b:1", "/a/b\\", "${DIR:web:1", "host:80:web:1:", "05432:db:1", "80:$(x):1"})
    EXPECT_FALSE(parse_local_forward(text).has_value()) << text;
}

TEST(Hop, TakesUserHostAndPort) {
  const auto full = parse_hop("alice@bastion.corp.com:2222");
  ASSERT_TRUE(full.has_value());
  EXPECT_EQ(full->user, "alice");
  EXPECT_EQ(full->host, "bastion.corp.com");
  EXPECT_EQ(full->port, 2222);
  EXPECT_EQ(parse_hop("edge")->host, "edge");
  EXPECT_EQ(parse_hop("edge")->user, std::nullopt);
  EXPECT_EQ(parse_hop("[fe80::1%eth0]")->host, "fe80::1%eth0");
  EXPECT_EQ(parse_hop("root@[::1]:22")->port, 22);
  EXPECT_EQ(parse_hop("me@corp@gate")->user, "me@corp");
}

TEST(Hop, RefusesWhatAShellOrSshCouldMisread) {
  for (const char* text : {"",         "@host",        "-oProxyCommand=x",
                           "-l@host",  "a b@host",     "host;id",
                           "ho'st",    "ho\"st",       "$host",
                           "`id`",     "host:",        "host:0",
                           "host:022", "::1",          "[::1",
                           "[::1]x",   "a\nb",         "a\x1b[31m",
                           "u\\@h",    "ho\xC2\xA0st", "ho\xE2\x80\xAEst"})
    EXPECT_FALSE(parse_hop(text).has_value()) << text;
}

bool clash(const char* left, const char* right) {
  const auto a = listen_claims(parse_endpoint(left, PortZero::allowed).value());
  const auto b = listen_claims(parse_endpoint(right, PortZero::allowed).value());
  return std::any_of(a.begin(), a.end(), [&b](const ListenClaim& one) {
    return std::any_of(b.begin(), b.end(), [&one](const ListenClaim& other) {
      return one.scope == other.scope &&
             (one.address == other.address || one.address.empty() || other.address.empty());
    });
  });
}

TEST(ListenClaims, ClashWhereBindWould) {
  EXPECT_TRUE(clash("127.0.0.1:5432", "127.0.0.1:5432"));
  EXPECT_TRUE(clash("127.0.0.1:5432", "localhost:5432"));
  EXPECT_TRUE(clash("[::1]:5432", "LocalHost:5432"));
  EXPECT_TRUE(clash("[0:0::1]:5432", "[::1]:5432"));
  EXPECT_TRUE(clash("0.0.0.0:5432", "127.0.0.1:5432"));
  EXPECT_TRUE(clash("0:5432", "127.0.0.1:5432"));
  EXPECT_TRUE(clash("127.1:5432", "127.0.0.1:5432"));
  EXPECT_TRUE(clash("[::]:5432", "[::1]:5432"));
  EXPECT_TRUE(clash("*:5432", "127.0.0.1:5432"));
  EXPECT_TRUE(clash("*:5432", "[::1]:5432"));
  EXPECT_TRUE(clash("unix:/a", "unix:/a"));
  EXPECT_FALSE(clash("127.0.0.1:5432", "[::1]:5432"));
  EXPECT_FALSE(clash("127.0.0.1:5432", "127.0.0.1:5433"));
  EXPECT_FALSE(clash("127.0.0.2:5432", "localhost:5432"));
  EXPECT_FALSE(clash("0.0.0.0:5432", "[::1]:5432"));
  EXPECT_FALSE(clash("[::]:5432", "127.0.0.1:5432"));
  EXPECT_FALSE(clash("localhost:0", "localhost:0"));
  EXPECT_FALSE(clash("unix:/a", "unix:/b"));
}

}  // namespace
}  // namespace tunneld
