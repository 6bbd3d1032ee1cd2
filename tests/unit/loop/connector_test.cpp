#include "loop/connector.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <vector>

#include "unit/support/sockets.h"
#include "unit/support/turns.h"

namespace tunneld::loop {
namespace {

using testing::bind_loopback;
using testing::listen_loopback;
using testing::loopback;
using testing::open_descriptors;
using testing::run_until;
using testing::turn;

// An address that takes a SYN and never answers: its backlog is full.
class Silent {
 public:
  Silent() : listener_(bind_loopback(AF_INET)) {
    EXPECT_EQ(::listen(listener_.get(), 0), 0);
    for (int i = 0; i < kFillers; ++i) {
      UniqueFd filler(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      ::connect(filler.get(), address().get(), address().length);
      fillers_.push_back(std::move(filler));
    }
  }
  SocketAddress address() const { return loopback(AF_INET, testing::port_of(listener_)); }
  void answer() const { EXPECT_EQ(::listen(listener_.get(), 128), 0); }

 private:
  static constexpr int kFillers = 4;
  UniqueFd listener_;
  std::vector<UniqueFd> fillers_;
};

// An address that refuses: bound by us, so that nobody else listens there, and not listening.
class Refusing {
 public:
  SocketAddress address() const { return loopback(AF_INET, testing::port_of(fd_)); }

 private:
  UniqueFd fd_ = bind_loopback(AF_INET);
};

// Connects and keeps the one answer.
struct Attempted {
  Attempted(Loop& loop, std::vector<SocketAddress> addresses)
      : connector(std::make_unique<Connector>(loop, std::move(addresses), [this](Connection connection) {
          ++answers;
          result = std::move(connection);
        })) {}
  int answers = 0;
  std::optional<Connection> result;
  std::unique_ptr<Connector> connector;
};

TEST(Connector, ConnectsNonBlockingAndCloseOnExec) {
  Loop loop;
  const UniqueFd listener = listen_loopback(AF_INET);
  Attempted attempted(loop, {loopback(AF_INET, testing::port_of(listener))});
  EXPECT_EQ(attempted.answers, 0) << "never from within the constructor";
  ASSERT_TRUE(run_until(loop, [&] { return attempted.answers == 1; }));
  const Connection& connection = *attempted.result;
  ASSERT_TRUE(connection.fd);
  EXPECT_EQ(connection.error, 0);
  EXPECT_EQ(to_string(connection.address), "127.0.0.1:" + std::to_string(testing::port_of(listener)));
  EXPECT_NE(::fcntl(connection.fd.get(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_NE(::fcntl(connection.fd.get(), F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_TRUE(testing::send_text(connection.fd, "x"));
}

TEST(Connector, ConnectsOverBothFamilies) {
  for (const int family : {AF_INET, AF_INET6}) {
    Loop loop;
    const UniqueFd listener = listen_loopback(family);
    Attempted attempted(loop, {loopback(family, testing::port_of(listener))});
    ASSERT_TRUE(run_until(loop, [&] { return attempted.answers == 1; }));
    EXPECT_TRUE(attempted.result->fd);
    EXPECT_EQ(attempted.result->address.storage.ss_family, family);
  }
}

TEST(Connector, TakesTheNextAddressWhenOneRefuses) {
  Loop loop;
  const Refusing refusing;
  const UniqueFd listener = listen_loopback(AF_INET6);
  const std::uint16_t port = testing::port_of(listener);
  Attempted attempted(loop, {refusing.address(), refusing.address(), loopback(AF_INET6, port)});
  ASSERT_TRUE(run_until(loop, [&] { return attempted.answers == 1; }));
  EXPECT_TRUE(attempted.result->fd);
  EXPECT_EQ(to_string(attempted.result->address), "[::1]:" + std::to_string(port));
  loop.run();
  EXPECT_EQ(attempted.answers, 1);
}

TEST(Connector, StartsTheNextAddressWhileOneIsSilent) {
  Loop loop;
  const Silent silent;
  const UniqueFd listener = listen_loopback(AF_INET);
  const std::uint64_t began = loop.precise_now_ms();
  Attempted attempted(loop, {silent.address(), loopback(AF_INET, testing::port_of(listener))});
  ASSERT_TRUE(run_until(loop, [&] { return attempted.answers == 1; }));
  ASSERT_TRUE(attempted.result->fd);
  EXPECT_EQ(port_of(attempted.result->address), testing::port_of(listener));
  EXPECT_GE(loop.precise_now_ms() - began + 1, 250U) << "RFC 8305: attempts start 250 ms apart";
  loop.run();  // drains: the silent attempt was closed
}

TEST(Connector, GoesRoundAgainWhenTheLastAddressFailsAtOnce) {
  Loop loop;
  const Silent silent;
  SocketAddress strange = loopback(AF_INET, 1);
  strange.storage.ss_family = AF_UNIX;
  const std::uint64_t began = loop.precise_now_ms();
  Attempted attempted(loop, {silent.address(), strange});
  ASSERT_TRUE(run_until(loop, [&] { return loop.precise_now_ms() - began > 1'600; }));
  silent.answer();
  ASSERT_TRUE(run_until(loop, [&] { return attempted.answers == 1; }));
  EXPECT_TRUE(attempted.result->fd);
  EXPECT_LT(loop.precise_now_ms() - began, 2'900U) << "the kernel alone repeats a SYN after 1 and 3 s";
}

TEST(Connector, TellsTheLastFailureWhenAllFail) {
  Loop loop;
  const Refusing first;
  const Refusing last;
  Attempted attempted(loop, {first.address(), last.address()});
  ASSERT_TRUE(run_until(loop, [&] { return attempted.answers == 1; }));
  EXPECT_FALSE(attempted.result->fd);
  EXPECT_EQ(attempted.result->error, ECONNREFUSED);
  EXPECT_EQ(to_string(attempted.result->address), to_string(last.address()));
  loop.run();
  EXPECT_EQ(attempted.answers, 1);
}

TEST(Connector, AnAddressThatTheSystemRefusesAtOnceIsAFailureLikeAnother) {
  Loop loop;
  SocketAddress strange = loopback(AF_INET, 1);
  strange.storage.ss_family = AF_UNIX;  // a stream socket is made, its connect() fails at once
  const UniqueFd listener = listen_loopback(AF_INET);
  Attempted attempted(loop, {strange, loopback(AF_INET, testing::port_of(listener))});
  ASSERT_TRUE(run_until(loop, [&] { return attempted.answers == 1; }));
  EXPECT_TRUE(attempted.result->fd);

  Attempted alone(loop, {strange});
  EXPECT_EQ(alone.answers, 0);
  ASSERT_TRUE(run_until(loop, [&] { return alone.answers == 1; }));
  EXPECT_FALSE(alone.result->fd);
  EXPECT_NE(alone.result->error, 0);
}

TEST(Connector, WithNoAddressItFailsInsteadOfStayingSilent) {
  Loop loop;
  Attempted attempted(loop, {});
  ASSERT_TRUE(run_until(loop, [&] { return attempted.answers == 1; }));
  EXPECT_FALSE(attempted.result->fd);
  EXPECT_NE(attempted.result->error, 0);
}

TEST(Connector, DestroyedWhileUnderWayLeaksNothingAndTellsNothing) {
  { const Loop first; }  // libuv opens a pipe for signals with the process's first loop, and keeps it
  const int before = open_descriptors();
  {
    Loop loop;
    const Silent silent;
    const int with_server = open_descriptors();
    Attempted attempted(loop, {silent.address(), silent.address()});
    ASSERT_TRUE(run_until(loop, [&] { return open_descriptors() == with_server + 2; }))
        << "both are under way";
    attempted.connector.reset();
    EXPECT_EQ(open_descriptors(), with_server);
    loop.run();
    EXPECT_EQ(attempted.answers, 0);
  }
  EXPECT_EQ(open_descriptors(), before);
}

TEST(Connector, DestroyedBeforeItsFirstTurnDoesNothing) {
  Loop loop;
  const UniqueFd listener = listen_loopback(AF_INET);
  Attempted attempted(loop, {loopback(AF_INET, testing::port_of(listener))});
  attempted.connector.reset();
  loop.run();
  EXPECT_EQ(attempted.answers, 0);
}

// Its owner lets go of it as soon as it has told the outcome.
TEST(Connector, MayBeDestroyedInItsCallback) {
  const UniqueFd listener = listen_loopback(AF_INET);
  const Refusing refusing;
  SocketAddress strange = loopback(AF_INET, 1);
  strange.storage.ss_family = AF_UNIX;
  for (const SocketAddress& address :
       {loopback(AF_INET, testing::port_of(listener)), refusing.address(), strange}) {
    Loop loop;
    int answers = 0;
    const auto witness = std::make_shared<int>(7);
    std::unique_ptr<Connector> connector;
    connector = std::make_unique<Connector>(loop, std::vector<SocketAddress>{address},
                                            [&connector, &answers, witness](Connection) {
                                              connector.reset();
                                              answers += *witness;  // what the callback holds is still whole
                                            });
    loop.run();
    EXPECT_EQ(answers, 7);
  }
}

TEST(Connector, ClosesWhatLosesTheRace) {
  Loop loop;
  const Silent silent;
  const UniqueFd listener = listen_loopback(AF_INET);
  const int before = open_descriptors();
  {
    Attempted attempted(loop, {silent.address(), loopback(AF_INET, testing::port_of(listener))});
    ASSERT_TRUE(run_until(loop, [&] { return attempted.answers == 1; }));
    EXPECT_EQ(open_descriptors(), before + 1) << "only the connection itself";
  }
  EXPECT_EQ(open_descriptors(), before);
}

}  // namespace
}  // namespace tunneld::loop
