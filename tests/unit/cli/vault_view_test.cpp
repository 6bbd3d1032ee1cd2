#include "cli/vault_view.h"

#include <gtest/gtest.h>

namespace tunneld::cli {
namespace {

using control::Json;

// Knows what the test says, by the path-scoped name.
class FakeHostKeys : public HostKeyStore {
 public:
  HostKeyVerdict check(const HostKeyQuery&, const HostKey&) override { return {}; }
  std::vector<std::string> known_types(const HostKeyQuery& query) override {
    std::string name;
    for (const std::string& component : query.path) name += component + "/";
    const auto it = known.find(name + query.hostname);
    return it == known.end() ? std::vector<std::string>{} : it->second;
  }
  std::string record(const HostKeyQuery&, const HostKey&) override { return ""; }

  std::map<std::string, std::vector<std::string>> known;
};

Host host(const std::string& name, const std::string& hostname) {
  Host result;
  result.name = name;
  result.hostname = hostname;
  result.user = "alice";
  return result;
}

Catalog catalog() {
  Catalog result;
  const Host edge = host("edge", "a.example.com");
  Host gateway = host("db-gw", "10.0.5.12");
  gateway.tags = {"prod"};
  Host unused = host("old", "192.0.2.9");
  unused.host_keys = {"SHA256:x"};
  result.hosts = {{"edge", edge}, {"db-gw", gateway}, {"old", unused}};
  for (const char* name : {"prod-db", "prod-redis"}) {
    result.profiles[name].name = name;
    result.profiles[name].hops = {edge, gateway};
  }
  result.profiles["direct"].name = "direct";
  result.profiles["direct"].hops = {gateway, host("bare.example.com", "bare.example.com")};
  return result;
}

TEST(Hosts, ShowEveryWayToAHostAndWhatIsKnownOfItsKeyThere) {
  FakeHostKeys keys;
  keys.known["a.example.com"] = {"ssh-ed25519"};
  keys.known["a.example.com/10.0.5.12"] = {"ssh-ed25519", "ssh-rsa"};
  EXPECT_EQ(
      hosts_text(view_hosts(catalog(), "", keys)),
      "NAME              ADDRESS              USER   TAGS  REACHED BY                    HOST KEY\n"
      "bare.example.com  bare.example.com:22  alice  -     direct via db-gw              unknown\n"
      "db-gw             10.0.5.12:22         alice  prod  direct directly               unknown\n"
      "                                                    prod-db, prod-redis via edge  known: ssh-ed25519, "
      "ssh-rsa\n"
      "edge              a.example.com:22     alice  -     prod-db, prod-redis directly  known: ssh-ed25519\n"
      "old               192.0.2.9:22         alice  -     no profile                    pinned\n");
}

TEST(Hosts, AreFoundByPartGlobAddressAndTag) {
  FakeHostKeys keys;
  const auto names = [&](const std::string& pattern) {
    std::string text;
    for (const HostView& view : view_hosts(catalog(), pattern, keys)) text += view.host.name + " ";
    return text;
  };
  EXPECT_EQ(names("example"), "bare.example.com edge ");
  EXPECT_EQ(names("10.0.*"), "db-gw ");
  EXPECT_EQ(names("d*"), "db-gw ");
  EXPECT_EQ(names("@prod"), "db-gw ");
  EXPECT_EQ(names("@none"), "");
}

TEST(HostsJson, HasTheSchemaAndEveryKey) {
  FakeHostKeys keys;
  EXPECT_EQ(hosts_json(view_hosts(catalog(), "old", keys)),
            Json::parse(R"({"schema": 1, "hosts": [{"name": "old",
    "hostname": "192.0.2.9", "port": 22, "user": "alice", "tags": [], "host_keys": ["SHA256:x"],
    "routes": [{"via": [], "profiles": [], "known_types": []}]}]})"));
}

}  // namespace
}  // namespace tunneld::cli
