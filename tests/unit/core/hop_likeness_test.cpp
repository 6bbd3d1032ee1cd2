#include "core/hop_likeness.h"

#include <gtest/gtest.h>

#include <functional>
#include <vector>

namespace tunneld {
namespace {

Host bastion() {
  Host host;
  host.name = "edge";
  host.hostname = "edge.example.com";
  host.user = "alice";
  host.identity_files = {"/home/a/.ssh/id_edge"};
  host.host_keys = {"SHA256:abc"};
  return host;
}

HopLikeness like(const Host& host) {
  return likeness_of(host, "/home/a", "/run/agent", 0);
}

TEST(HopLikeness, IgnoresWhatTheHostIsCalledAndWhereItIsWritten) {
  Host other = bastion();
  other.name = "bastion";
  other.tags = {"prod"};
  other.position = {"team.yaml", 4, 2};
  EXPECT_EQ(like(bastion()), like(other));
}

TEST(HopLikeness, TellsApartWhateverDecidesWhereASessionLeadsWhomItTrustsAndHowItIsWatched) {
  const std::vector<std::function<void(Host&)>> changes = {
      [](Host& host) { host.hostname = "edge2.example.com"; },
      [](Host& host) { host.port = 2222; },
      [](Host& host) { host.user = "bob"; },
      [](Host& host) { host.identity_files.push_back("/home/a/.ssh/id_other"); },
      [](Host& host) { host.certificate_files = {"/home/a/.ssh/id_edge-cert.pub"}; },
      [](Host& host) { host.identity_agent = "none"; },
      [](Host& host) { host.identities_only = true; },
      [](Host& host) { host.host_keys.clear(); },
      [](Host& host) { host.host_key_alias = "edge"; },
      [](Host& host) { host.strict_host_key_checking = StrictHostKeyChecking::accept_new; },
      [](Host& host) { host.ciphers = {"aes256-ctr"}; },
      [](Host& host) { host.preferred_authentications = {"publickey"}; },
      [](Host& host) { host.connect_timeout = Milliseconds(1); },
      [](Host& host) { host.server_alive_interval = std::nullopt; },
      [](Host& host) { host.server_alive_count_max = 1; },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    Host other = bastion();
    changes[i](other);
    EXPECT_NE(like(bastion()), like(other)) << "change " << i;
  }
}

TEST(HopLikeness, TellsCallersApartByHomeAndAgent) {
  EXPECT_NE(like(bastion()), likeness_of(bastion(), "/home/b", "/run/agent", 0));
  EXPECT_NE(like(bastion()), likeness_of(bastion(), "/home/a", "/run/agent2", 0));
  EXPECT_NE(like(bastion()), likeness_of(bastion(), "/home/a", "", 0));
}

TEST(HopLikeness, TheCallersAgentDoesNotCountWhereTheHostNamesItsOwn) {
  Host host = bastion();
  host.identity_agent = "/run/agent";
  EXPECT_EQ(likeness_of(host, "/home/a", "/run/other", 0), likeness_of(host, "/home/a", "", 0));
  EXPECT_EQ(like(host), like(bastion()));
}

TEST(HopLikeness, TellsLanesApart) {
  EXPECT_NE(like(bastion()), likeness_of(bastion(), "/home/a", "/run/agent", 1));
}

}  // namespace
}  // namespace tunneld
