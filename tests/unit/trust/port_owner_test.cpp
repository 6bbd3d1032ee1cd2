#include "trust/port_owner.h"

#include <gtest/gtest.h>

#include "trust/private_dir.h"
#include "unit/trust/fixtures.h"
#include "unit/trust/tcp_pair.h"

namespace tunneld::trust {
namespace {

using namespace testing;

std::string own_name() {
  std::string name = read_file("/proc/self/comm");
  if (name.ends_with('\n')) name.pop_back();
  return name;
}

bool finds_us(std::string_view address, std::uint16_t port) {
  const auto owner = find_listener(address, port);
  return owner && owner->pid == ::getpid() && owner->name == own_name() && owner->uid == ::geteuid();
}

TEST(FindListener, NamesTheProcessOnTheVeryAddress) {
  for (const char* host : {"127.0.0.1", "127.0.0.9", "::1"}) {
    const UniqueFd listener = listen_on(host);
    EXPECT_TRUE(finds_us(host, local_of(listener).port())) << host;
  }
}

TEST(FindListener, AnotherAddressOfThePortIsFree) {
  const UniqueFd listener = listen_on("127.0.0.9");
  EXPECT_FALSE(find_listener("127.0.0.8", local_of(listener).port()));
  EXPECT_FALSE(find_listener("::1", local_of(listener).port()));
}

TEST(FindListener, AListenerOnEveryAddressOwnsEachOfThem) {
  const UniqueFd v4 = listen_on("0.0.0.0");
  EXPECT_TRUE(finds_us("127.0.0.1", local_of(v4).port()));
  EXPECT_TRUE(finds_us("0.0.0.0", local_of(v4).port()));
  EXPECT_FALSE(find_listener("::1", local_of(v4).port()));
  const UniqueFd both = listen_on("::");
  EXPECT_TRUE(finds_us("127.0.0.1", local_of(both).port()));
  EXPECT_TRUE(finds_us("::1", local_of(both).port()));
}

TEST(FindListener, OneAddressStandsInTheWayOfAllAddresses) {
  const UniqueFd listener = listen_on("127.0.0.9");
  EXPECT_TRUE(finds_us("0.0.0.0", local_of(listener).port()));
  EXPECT_TRUE(finds_us("::", local_of(listener).port()));
}

TEST(FindListener, LocalhostIsBothFamilies) {
  const UniqueFd v4 = listen_on("127.0.0.1");
  const UniqueFd v6 = listen_on("::1");
  EXPECT_TRUE(finds_us("localhost", local_of(v4).port()));
  EXPECT_TRUE(finds_us("localhost", local_of(v6).port()));
}

TEST(FindListener, AMappedAddressIsTheIpv4One) {
  const UniqueFd listener = listen_on("::ffff:127.0.0.1");
  EXPECT_TRUE(finds_us("127.0.0.1", local_of(listener).port()));
}

TEST(FindListener, ConnectionsAreNotListeners) {
  UniqueFd listener = listen_on("127.0.0.1");
  const std::uint16_t port = local_of(listener).port();
  const UniqueFd client = connect_tcp("127.0.0.1", port);
  const UniqueFd accepted = accept_from(listener);
  listener.reset();
  EXPECT_FALSE(find_listener("127.0.0.1", port));
  EXPECT_FALSE(find_listener("127.0.0.1", local_of(client).port()));
}

TEST(FindListener, WhatIsNoAddressHasNoOwner) {
  const UniqueFd listener = listen_on("127.0.0.1");
  for (const char* text : {"", "host.example", "127.0.0", "127.0.0.1:1"})
    EXPECT_FALSE(find_listener(text, local_of(listener).port())) << text;
}

TEST(FindListener, NamesAtLeastTheUserOfAProcessThatItMayNotLookInto) {
  // The listener stays this process's; the child, of another user, looks. Without root they are the same
  // user.
  const UniqueFd listener = listen_on("127.0.0.1");
  const std::uint16_t port = local_of(listener).port();
  const std::string text = answer_of_child(kStranger, [&listener, port] {
    ::close(listener.get());  // or the child would be an owner as well
    const auto owner = find_listener("127.0.0.1", port);
    return owner ? to_string(*owner) : "nobody found";
  });
  EXPECT_EQ(text, is_root() ? "a process of user root" : to_string(*find_listener("127.0.0.1", port)));
}

TEST(FindUnixListener, SeesPlainAndPrivateSockets) {
  const TempDir dir;
  const auto listener = bind_private_socket(dir / "control.sock");
  ASSERT_TRUE(listener);
  const auto owner = find_unix_listener(dir / "control.sock");
  ASSERT_TRUE(owner);
  EXPECT_EQ(owner->pid, ::getpid());
  EXPECT_EQ(owner->name, own_name());
  EXPECT_EQ(owner->uid, ::geteuid());
  EXPECT_FALSE(find_unix_listener(dir / "control"));
  EXPECT_FALSE(find_unix_listener(dir / "missing.sock"));
}

TEST(FindUnixListener, AStaleSocketHasNoOwner) {
  const TempDir dir;
  { ASSERT_TRUE(bind_private_socket(dir / "control.sock")); }
  EXPECT_FALSE(find_unix_listener(dir / "control.sock"));
}

TEST(FindProcesses, AreThoseThatHoldTheSockets) {
  const UniqueFd listener = listen_on("127.0.0.1");
  const UniqueFd other = listen_on("127.0.0.1");
  const auto processes = find_processes({0, inode_of(listener), inode_of(other), ~std::uint64_t{0}});
  ASSERT_EQ(processes.size(), 2U);
  for (const auto& [inode, process] : processes) {
    EXPECT_TRUE(inode == inode_of(listener) || inode == inode_of(other));
    EXPECT_EQ(process.pid, ::getpid());
    EXPECT_EQ(process.name, own_name());
  }
}

TEST(SocketOwner, ReadsAsAPersonWouldSayIt) {
  EXPECT_EQ(to_string(SocketOwner{812, "postgres", 100, "postgres"}), "postgres (pid 812)");
  EXPECT_EQ(to_string(SocketOwner{0, "", 1000, "alice"}), "a process of user alice");
  EXPECT_EQ(to_string(SocketOwner{0, "", 1234, ""}), "a process of uid 1234");
}

}  // namespace
}  // namespace tunneld::trust
