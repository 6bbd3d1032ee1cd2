#include "forward/listener.h"

#include <gtest/gtest.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <filesystem>
#include <memory>
#include <set>
#include <vector>

#include "unit/support/sockets.h"
#include "unit/support/temp_dir.h"
#include "unit/support/turns.h"

namespace tunneld::forward {
namespace {

using loop::Loop;
using testing::connect_loopback;
using testing::connect_unix;
using testing::listen_loopback;
using testing::run_until;
using testing::TempDir;
using testing::write_file;

Endpoint tcp(const std::string& host, std::uint16_t port = 0) {
  return {Endpoint::Kind::tcp, host, port, ""};
}
Endpoint socket_at(const std::string& path) {
  return {Endpoint::Kind::unix_socket, "", 0, path};
}

// A listener, and whom it has accepted.
struct Open {
  Open(Loop& loop, const Endpoint& endpoint) {
    auto opened =
        Listener::open(
            loop, endpoint, [this](Accepted client) { clients.push_back(std::move(client)); }, [this] { ++shortages; });
    if (opened)
      listener = std::move(*opened);
    else
      error = opened.error();
  }
  std::uint16_t port() const { return listener->endpoint().port; }
  std::vector<Accepted> clients;
  int shortages = 0;
  std::unique_ptr<Listener> listener;
  Error error;
};

void expect_refused(const Open& open, ErrorCode code, const std::string& message) {
  EXPECT_EQ(open.listener, nullptr);
  EXPECT_EQ(open.error.code, code) << error_info(open.error.code).name << ": " << open.error.cause;
  EXPECT_EQ(open.error.message, message);
  EXPECT_NE(open.error.cause, "");
  EXPECT_NE(open.error.fix, "");
}

mode_t mode_of(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0 ? info.st_mode & 0777U : 0;
}

TEST(Listener, LocalhostListensOnBothFamiliesWithTheSameChosenPort) {
  Loop loop;
  Open open(loop, tcp("localhost"));
  ASSERT_TRUE(open.listener);
  ASSERT_NE(open.port(), 0);
  EXPECT_EQ(open.listener->endpoint().host, "localhost");
  const UniqueFd v4 = connect_loopback(AF_INET, open.port());
  const UniqueFd v6 = connect_loopback(AF_INET6, open.port());
  ASSERT_TRUE(v4 && v6);
  ASSERT_TRUE(run_until(loop, [&] { return open.clients.size() == 2; }));
  EXPECT_EQ((std::set{open.clients[0].peer_host, open.clients[1].peer_host}),
            (std::set<std::string>{"127.0.0.1", "::1"}));
}

TEST(Listener, GivesWhatItAccepts) {
  Loop loop;
  Open open(loop, tcp("127.0.0.1"));
  ASSERT_TRUE(open.listener);
  const UniqueFd client = connect_loopback(AF_INET, open.port());
  ASSERT_TRUE(run_until(loop, [&] { return open.clients.size() == 1; }));
  const Accepted& accepted = open.clients.front();
  EXPECT_EQ(accepted.peer_host, "127.0.0.1");
  EXPECT_EQ(accepted.peer_port, testing::port_of(client));
  EXPECT_NE(::fcntl(accepted.fd.get(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_NE(::fcntl(accepted.fd.get(), F_GETFD) & FD_CLOEXEC, 0);
  int no_delay = 0;
  socklen_t length = sizeof no_delay;
  ASSERT_EQ(::getsockopt(accepted.fd.get(), IPPROTO_TCP, TCP_NODELAY, &no_delay, &length), 0);
  EXPECT_NE(no_delay, 0);
}

TEST(Listener, AnAddressListensThereOnly) {
  Loop loop;
  Open open(loop, tcp("::1"));
  ASSERT_TRUE(open.listener);
  EXPECT_TRUE(connect_loopback(AF_INET6, open.port()));
  EXPECT_FALSE(connect_loopback(AF_INET, open.port()));
}

TEST(Listener, EveryAddressIsBothFamiliesHoweverItIsWritten) {
  for (const std::string host : {"", "*"}) {
    Loop loop;
    Open open(loop, tcp(host));
    ASSERT_TRUE(open.listener) << host;
    EXPECT_TRUE(connect_loopback(AF_INET, open.port())) << "'" << host << "'";
    EXPECT_TRUE(connect_loopback(AF_INET6, open.port())) << "'" << host << "'";
  }
}

TEST(Listener, ManyChosenPortsAreAllGoodForBothFamilies) {
  Loop loop;
  std::vector<std::unique_ptr<Open>> all;
  for (int i = 0; i < 50; ++i) {
    all.push_back(std::make_unique<Open>(loop, tcp("localhost")));
    ASSERT_TRUE(all.back()->listener) << all.back()->error.message;
  }
}

TEST(Listener, AManyHeadedRushIsAcceptedWhole) {
  constexpr std::size_t kClients = 300;
  Loop loop;
  Open open(loop, tcp("127.0.0.1"));
  ASSERT_TRUE(open.listener);
  std::vector<UniqueFd> clients;
  for (std::size_t i = 0; i < kClients; ++i) {
    clients.push_back(connect_loopback(AF_INET, open.port()));
    ASSERT_TRUE(clients.back());
  }
  EXPECT_TRUE(run_until(loop, [&] { return open.clients.size() == kClients; }));
}

TEST(Listener, ATakenPortIsNamed) {
  Loop loop;
  for (const auto& [family, host] : {std::pair{AF_INET, "127.0.0.1"}, {AF_INET6, "[::1]"}}) {
    const UniqueFd taken = listen_loopback(family);
    const std::uint16_t port = testing::port_of(taken);
    const std::string where = std::string(host) + ":" + std::to_string(port);
    expect_refused(Open(loop, tcp(family == AF_INET ? "127.0.0.1" : "::1", port)), ErrorCode::port_in_use,
                   where + " is already in use");
    expect_refused(Open(loop, tcp("localhost", port)), ErrorCode::port_in_use, where + " is already in use");
  }
}

TEST(Listener, ATakenPortIsFreeAgainAtOnce) {
  Loop loop;
  std::uint16_t port = 0;
  {
    Open first(loop, tcp("localhost"));
    port = first.port();
    const UniqueFd client = connect_loopback(AF_INET, port);
    ASSERT_TRUE(run_until(loop, [&] { return first.clients.size() == 1; }));
  }
  const Open second(loop, tcp("localhost", port));
  EXPECT_TRUE(second.listener) << second.error.message;
}

TEST(Listener, AnAddressOfAnotherMachineIsNotLocal) {
  Loop loop;
  expect_refused(Open(loop, tcp("192.0.2.1", 5432)), ErrorCode::address_not_local,
                 "cannot listen on 192.0.2.1:5432: that is no address of this machine");
  expect_refused(Open(loop, tcp("2001:db8::1", 5432)), ErrorCode::address_not_local,
                 "cannot listen on [2001:db8::1]:5432: that is no address of this machine");
}

TEST(Listener, ANameIsNoListenAddress) {
  Loop loop;
  expect_refused(Open(loop, tcp("db.corp.com", 5432)), ErrorCode::listen_failed,
                 "cannot listen on db.corp.com:5432");
}

TEST(Listener, AfterItsEndNobodyListens) {
  Loop loop;
  Open open(loop, tcp("localhost"));
  const std::uint16_t port = open.port();
  open.listener.reset();
  EXPECT_FALSE(connect_loopback(AF_INET, port));
  EXPECT_FALSE(connect_loopback(AF_INET6, port));
  loop.run();
}

// Lowers the limit of descriptors so that none is left, for as long as it lives.
class NoDescriptorLeft {
 public:
  NoDescriptorLeft() {
    EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
    const UniqueFd next(::dup(0));  // the lowest number that is free
    const rlimit none{static_cast<rlim_t>(next.get()), before_.rlim_max};
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  }
  ~NoDescriptorLeft() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  NoDescriptorLeft(const NoDescriptorLeft&) = delete;
  NoDescriptorLeft& operator=(const NoDescriptorLeft&) = delete;

 private:
  rlimit before_{};
};

TEST(Listener, WithoutADescriptorItSaysSo) {
  Loop loop;
  const TempDir dir;
  for (const Endpoint& endpoint : {tcp("127.0.0.1", 5432), tcp("::1", 5432), socket_at(dir / "s")}) {
    const NoDescriptorLeft none;
    const Open open(loop, endpoint);
    EXPECT_EQ(open.error.code, ErrorCode::out_of_descriptors) << error_info(open.error.code).name;
    EXPECT_EQ(open.error.message, "no descriptor is left to listen on " + to_string(endpoint));
  }
}

TEST(Listener, ClientsWaitWhileNoDescriptorIsLeftAndAreServedLater) {
  Loop loop;
  Open open(loop, tcp("127.0.0.1"));
  const UniqueFd client = connect_loopback(AF_INET, open.port());
  ASSERT_TRUE(client);
  {
    const NoDescriptorLeft none;
    testing::turn(loop, 500);
    EXPECT_TRUE(open.clients.empty());
    EXPECT_EQ(open.shortages, 1) << "told once";
  }
  EXPECT_TRUE(run_until(loop, [&] { return open.clients.size() == 1; })) << "not refused, only late";
}

TEST(Listener, TheLastDescriptorsAreNotForClients) {
  Loop loop;
  Open open(loop, tcp("127.0.0.1"));
  std::vector<UniqueFd> clients;
  for (int i = 0; i < 12; ++i) clients.push_back(connect_loopback(AF_INET, open.port()));
  std::vector<UniqueFd> others;
  for (int i = 0; i < 100; ++i) others.emplace_back(::dup(0));  // so that what is kept is no quarter of all
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit some{static_cast<rlim_t>(others.back().get() + 24 + 5), before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &some), 0);
  testing::turn(loop, 500);
  const std::size_t served = open.clients.size();
  ::setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_GE(served, 5U);
  EXPECT_LT(served, clients.size());
  EXPECT_EQ(open.shortages, 1);
  EXPECT_TRUE(run_until(loop, [&] { return open.clients.size() == clients.size(); })) << "they have waited";
}

TEST(UnixListener, MakesAPrivateSocketInAPrivateFolder) {
  for (const mode_t mask : {0U, 022U, 0777U}) {
    Loop loop;
    const TempDir dir;
    const mode_t before = ::umask(mask);
    Open open(loop, socket_at(dir / "orders/.s.PGSQL.5432"));
    ::umask(before);
    ASSERT_TRUE(open.listener) << open.error.message << " with umask " << mask;
    EXPECT_EQ(mode_of(dir / "orders/.s.PGSQL.5432"), 0600U & ~mask);
    EXPECT_EQ(mode_of(dir / "orders"), 0700U & ~mask);
    const Open deeper(loop, socket_at(dir / "a/b/s"));
    EXPECT_TRUE(deeper.listener) << deeper.error.message;
  }
}

TEST(UnixListener, GivesWhatItAccepts) {
  Loop loop;
  const TempDir dir;
  Open open(loop, socket_at(dir / "s"));
  ASSERT_TRUE(open.listener);
  const UniqueFd client = connect_unix(dir / "s");
  ASSERT_TRUE(client);
  ASSERT_TRUE(run_until(loop, [&] { return open.clients.size() == 1; }));
  EXPECT_EQ(open.clients.front().peer_host, "unix");
  EXPECT_EQ(open.clients.front().peer_port, 0);
  EXPECT_NE(::fcntl(open.clients.front().fd.get(), F_GETFL) & O_NONBLOCK, 0);
}

TEST(UnixListener, ReplacesASocketThatAKilledProcessLeft) {
  Loop loop;
  const TempDir dir;
  { const UniqueFd left = testing::listen_unix(dir / "s"); }
  ASSERT_TRUE(std::filesystem::exists(dir / "s"));
  Open open(loop, socket_at(dir / "s"));
  ASSERT_TRUE(open.listener) << open.error.message;
  EXPECT_EQ(mode_of(dir / "s"), 0600U);
  EXPECT_TRUE(connect_unix(dir / "s"));
}

TEST(UnixListener, LeavesASocketThatIsInUse) {
  Loop loop;
  const TempDir dir;
  const UniqueFd other = testing::listen_unix(dir / "s");
  const Open open(loop, socket_at(dir / "s"));
  expect_refused(open, ErrorCode::port_in_use, "unix:" + dir / "s" + " is already in use");
  EXPECT_EQ(open.error.cause, "another process listens there");
  EXPECT_TRUE(connect_unix(dir / "s")) << "its owner still has it";
}

TEST(UnixListener, LeavesAFileThatIsNoSocket) {
  Loop loop;
  const TempDir dir;
  write_file(dir / "s", "precious");
  const Open open(loop, socket_at(dir / "s"));
  expect_refused(open, ErrorCode::port_in_use, "unix:" + dir / "s" + " is already in use");
  EXPECT_EQ(open.error.cause, "something that is no socket lies there");
  EXPECT_EQ(testing::read_file(dir / "s"), "precious");
}

TEST(UnixListener, TakesItsPathAwayAtItsEnd) {
  Loop loop;
  const TempDir dir;
  Open open(loop, socket_at(dir / "s"));
  ASSERT_TRUE(std::filesystem::exists(dir / "s"));
  open.listener.reset();
  EXPECT_FALSE(std::filesystem::exists(dir / "s"));
  EXPECT_TRUE(Open(loop, socket_at(dir / "s")).listener) << "and it is free for the next";
}

TEST(UnixListener, APathThatIsTooLongIsSaidToBe) {
  Loop loop;
  const TempDir dir;
  const std::size_t longest = sizeof(sockaddr_un::sun_path) - 1;
  const std::string folder = dir.path() + "/";
  const std::string fits = folder + std::string(longest - folder.size(), 'x');
  EXPECT_TRUE(Open(loop, socket_at(fits)).listener);
  expect_refused(Open(loop, socket_at(fits + "x")), ErrorCode::listen_failed,
                 "the path " + fits + "x is too long for a unix socket");
}

TEST(UnixListener, AFolderThatCannotBeMadeIsAnError) {
  Loop loop;
  const TempDir dir;
  write_file(dir / "file", "");
  expect_refused(Open(loop, socket_at(dir / "file/s")), ErrorCode::listen_failed,
                 "cannot listen on unix:" + dir / "file/s");
}

}  // namespace
}  // namespace tunneld::forward
