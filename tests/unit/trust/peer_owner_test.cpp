#include "trust/peer_owner.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "unit/trust/fixtures.h"
#include "unit/trust/tcp_pair.h"

namespace tunneld::trust {
namespace {

using namespace testing;

class PeerOwnerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = PeerOwner::open();
    ASSERT_TRUE(opened) << opened.error().cause;
    owner_.emplace(std::move(*opened));
  }

  // As the daemon asks of a socket it accepted.
  std::optional<PeerIdentity> find(const UniqueFd& accepted) {
    return owner_->find(remote_of(accepted).get(), local_of(accepted).get());
  }

  std::optional<PeerOwner> owner_;
};

TEST_F(PeerOwnerTest, FindsTheClientsSocketInBothFamilies) {
  for (const char* host : {"127.0.0.1", "127.0.0.7", "::1"}) {
    const UniqueFd listener = listen_on(host);
    const UniqueFd client = connect_tcp(host, local_of(listener).port());
    const UniqueFd accepted = accept_from(listener);
    const auto found = find(accepted);
    ASSERT_TRUE(found) << host;
    EXPECT_EQ(found->uid, ::geteuid());
    EXPECT_EQ(found->inode, inode_of(client));
  }
}

TEST_F(PeerOwnerTest, FindsIpv4ClientsOfAnIpv6Listener) {
  const UniqueFd listener = listen_on("::");
  const UniqueFd client = connect_tcp("127.0.0.1", local_of(listener).port());
  const UniqueFd accepted = accept_from(listener);
  ASSERT_EQ(remote_of(accepted).storage.ss_family, AF_INET6);
  const auto found = find(accepted);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->inode, inode_of(client));
}

TEST_F(PeerOwnerTest, FindsAnIpv6SocketThatSpeaksIpv4) {
  const UniqueFd listener = listen_on("127.0.0.1");
  const UniqueFd client = connect_tcp("::ffff:127.0.0.1", local_of(listener).port());
  ASSERT_TRUE(client);
  const UniqueFd accepted = accept_from(listener);
  const auto found = find(accepted);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->inode, inode_of(client));
}

TEST_F(PeerOwnerTest, TellsTheConnectionsOfOneListenerApart) {
  const UniqueFd listener = listen_on("127.0.0.1");
  for (int i = 0; i < 20; ++i) {
    const UniqueFd client = connect_tcp("127.0.0.1", local_of(listener).port());
    const UniqueFd accepted = accept_from(listener);
    const auto found = find(accepted);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->inode, inode_of(client));
  }
}

TEST_F(PeerOwnerTest, AClientThatShutDownItsSendingSideIsStillItself) {
  const UniqueFd listener = listen_on("127.0.0.1");
  const UniqueFd client = connect_tcp("127.0.0.1", local_of(listener).port());
  ASSERT_EQ(::shutdown(client.get(), SHUT_WR), 0);
  const UniqueFd accepted = accept_from(listener);
  const auto found = find(accepted);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->inode, inode_of(client));
}

TEST_F(PeerOwnerTest, AClientThatIsGoneIsAStranger) {
  const UniqueFd listener = listen_on("127.0.0.1");
  UniqueFd client = connect_tcp("127.0.0.1", local_of(listener).port());
  const UniqueFd accepted = accept_from(listener);
  const SocketAddress from = remote_of(accepted);
  const SocketAddress to = local_of(accepted);
  client.reset();  // FIN_WAIT: the kernel says uid 0, inode 0
  EXPECT_FALSE(owner_->find(from.get(), to.get()));
}

TEST_F(PeerOwnerTest, AClientThatResetIsAStranger) {
  const UniqueFd listener = listen_on("127.0.0.1");
  UniqueFd client = connect_tcp("127.0.0.1", local_of(listener).port());
  const UniqueFd accepted = accept_from(listener);
  const SocketAddress from = remote_of(accepted);
  const SocketAddress to = local_of(accepted);
  const linger at_once{1, 0};
  ASSERT_EQ(::setsockopt(client.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
  client.reset();
  EXPECT_FALSE(owner_->find(from.get(), to.get()));
}

TEST_F(PeerOwnerTest, AListenerIsNotTakenForTheClient) {
  // Somebody listens on the very port that the question names as the client's.
  const UniqueFd listener = listen_on("127.0.0.1");
  const UniqueFd other = listen_on("127.0.0.1");
  EXPECT_FALSE(owner_->find(local_of(other).get(), local_of(listener).get()));
  const UniqueFd any = listen_on("0.0.0.0");
  EXPECT_FALSE(owner_->find(numeric("127.0.0.1", local_of(any).port()).get(), local_of(listener).get()));
}

TEST_F(PeerOwnerTest, ARemoteOrImpossiblePeerIsAStranger) {
  const UniqueFd listener = listen_on("127.0.0.1");
  const SocketAddress server = local_of(listener);
  EXPECT_FALSE(owner_->find(numeric("192.0.2.1", 40000).get(), server.get()));
  EXPECT_FALSE(owner_->find(numeric("::1", 40000).get(), server.get()));
  sockaddr unix_socket{};
  unix_socket.sa_family = AF_UNIX;
  EXPECT_FALSE(owner_->find(&unix_socket, server.get()));
}

TEST_F(PeerOwnerTest, SeesThatTheClientIsAnotherUser) {
  const UniqueFd listener = listen_on("127.0.0.1");
  std::array<int, 2> release{};
  ASSERT_EQ(::pipe(release.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(release[1]);
    if (is_root() && ::setresuid(kStranger, kStranger, kStranger) != 0) ::_exit(1);
    const UniqueFd client = connect_tcp("127.0.0.1", local_of(listener).port());
    char byte = 0;
    const bool ended = ::read(release[0], &byte, 1) == 0;  // holds the connection until the parent has looked
    ::_exit(client && ended ? 0 : 1);
  }
  ::close(release[0]);
  const UniqueFd accepted = accept_from(listener);
  const auto found = find(accepted);
  ::close(release[1]);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->uid, is_root() ? kStranger : ::geteuid());
  const uid_t somebody_else = found->uid + 1;
  EXPECT_FALSE(allowed({}, found->uid, somebody_else));
}

TEST_F(PeerOwnerTest, AThousandQuestionsTakeOneDescriptor) {
  const UniqueFd listener = listen_on("127.0.0.1");
  const UniqueFd client = connect_tcp("127.0.0.1", local_of(listener).port());
  const UniqueFd accepted = accept_from(listener);
  const UniqueFd before(::dup(0));
  for (int i = 0; i < 1000; ++i) {
    const auto found = find(accepted);
    ASSERT_TRUE(found && found->inode == inode_of(client)) << i;
  }
  const UniqueFd after(::dup(0));
  EXPECT_EQ(after.get(), before.get() + 1);
}

TEST(PeerOwner, WithoutDescriptorsItSaysSo) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{0, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const auto opened = PeerOwner::open();
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::out_of_descriptors);
}

TEST(Allowed, TheUserAndRootAlways) {
  for (const Access::Kind kind : {Access::Kind::same_user, Access::Kind::any, Access::Kind::users}) {
    EXPECT_TRUE(allowed({kind, {}}, 1000, 1000));
    EXPECT_TRUE(allowed({kind, {}}, 0, 1000));
  }
}

TEST(Allowed, OthersAsAccessSays) {
  EXPECT_FALSE(allowed({Access::Kind::same_user, {}}, kStranger, 1000));
  EXPECT_FALSE(allowed({Access::Kind::same_user, {"nobody"}}, kStranger, 1000));
  EXPECT_TRUE(allowed({Access::Kind::any, {}}, kStranger, 1000));
  EXPECT_FALSE(allowed({Access::Kind::users, {}}, kStranger, 1000));
  EXPECT_TRUE(allowed({Access::Kind::users, {"daemon", "nobody"}}, kStranger, 1000));
  EXPECT_FALSE(allowed({Access::Kind::users, {"daemon", "no-such-user", ""}}, kStranger, 1000));
}

}  // namespace
}  // namespace tunneld::trust
