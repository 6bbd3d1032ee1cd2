// What libssh sees of a transport: poll, recv, send and close of the C library, for its descriptor and for others.
#include "ssh/transport.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "loop/loop.h"
#include "ssh/memory_transport.h"
#include "ssh/session_core.h"
#include "ssh/socket_transport.h"
#include "unit/support/turns.h"

namespace tunneld::ssh {
namespace {

using tunneld::testing::run_until;

struct SocketPair {
  SocketPair() {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    a.reset(ends[0]);
    b.reset(ends[1]);
  }
  UniqueFd a, b;
};

short poll_now(int descriptor, short events) {
  pollfd entry{descriptor, events, 0};
  ::poll(&entry, 1, 0);
  return entry.revents;
}

std::string receive_now(int descriptor) {
  char bytes[64];
  const ssize_t got = ::recv(descriptor, bytes, sizeof bytes, MSG_DONTWAIT);
  return got > 0 ? std::string(bytes, static_cast<std::size_t>(got)) : "";
}

TEST(TransportCalls, RecvAndSendOnItsDescriptorComeToTheTransport) {
  MemoryTransport transport;
  transport.input = "from the server";
  EXPECT_EQ(receive_now(transport.descriptor()), "from the server");
  EXPECT_EQ(::send(transport.descriptor(), "to it", 5, MSG_NOSIGNAL), 5);
  EXPECT_EQ(transport.output, "to it");
}

TEST(TransportCalls, PollFindsOnlyWhatIsAllowed) {
  MemoryTransport transport;
  transport.input = "x";
  EXPECT_EQ(poll_now(transport.descriptor(), POLLIN | POLLOUT), 0);
  {
    const TransportOpen open(transport, {.reading = true, .sending = false});
    EXPECT_EQ(poll_now(transport.descriptor(), POLLIN | POLLOUT), POLLIN);
  }
  {
    const TransportOpen open(transport, {.reading = false, .sending = true});
    EXPECT_EQ(poll_now(transport.descriptor(), POLLIN | POLLOUT), POLLOUT);
    EXPECT_EQ(poll_now(transport.descriptor(), POLLIN), 0);
  }
  EXPECT_EQ(poll_now(transport.descriptor(), POLLIN | POLLOUT), 0);
}

// Hearing that there is something to read is none: libssh does not read before it could send for the first time, and
// would be asked for ever.
TEST(TransportCalls, ProgressIsAReadOrHearingThatItCanSend) {
  MemoryTransport transport;
  EXPECT_FALSE(transport.take_progress());
  const TransportOpen open(transport, {.reading = true, .sending = true});
  transport.input = "x";
  poll_now(transport.descriptor(), POLLIN);
  EXPECT_FALSE(transport.take_progress());
  poll_now(transport.descriptor(), POLLOUT);
  EXPECT_TRUE(transport.take_progress());
  EXPECT_FALSE(transport.take_progress());
  receive_now(transport.descriptor());
  EXPECT_TRUE(transport.take_progress());
}

TEST(TransportCalls, AfterCloseTheNumberIsAnyonesAgain) {
  MemoryTransport transport;
  const int number = transport.descriptor();
  EXPECT_EQ(::close(number), 0);
  EXPECT_LT(transport.descriptor(), 0);
  const SocketPair pair;
  ASSERT_EQ(::dup2(pair.a.get(), number), number);
  ASSERT_EQ(::send(pair.b.get(), "other", 5, 0), 5);
  EXPECT_EQ(receive_now(number), "other");
  EXPECT_EQ(::close(number), 0);
  EXPECT_EQ(::fcntl(number, F_GETFD), -1);
}

TEST(TransportCalls, AnEndedTransportLeavesItsNumberToTheSystem) {
  int number = -1;
  {
    MemoryTransport transport;
    number = transport.descriptor();
  }
  errno = 0;
  EXPECT_EQ(::recv(number, nullptr, 0, 0), -1);
  EXPECT_EQ(errno, EBADF);
}

TEST(TransportCalls, LibsshUsesThem) { EXPECT_TRUE(libssh_uses_transports()); }

TEST(SocketTransport, ReadsInOnePieceWhatLibsshTakesInMany) {
  loop::Loop loop;
  SocketPair pair;
  SocketTransport transport(loop, std::move(pair.a));
  int told = 0;
  transport.start([&told] { ++told; });
  run_until(loop, [&] { return told > 0; });
  const std::string sent(20'000, 'x');
  ASSERT_EQ(::send(pair.b.get(), sent.data(), sent.size(), 0), static_cast<ssize_t>(sent.size()));
  told = 0;
  run_until(loop, [&] { return told > 0; });
  transport.fill();
  EXPECT_EQ(transport.unread(), sent);
  std::string got;
  while (transport.readable()) got += receive_now(transport.descriptor());
  EXPECT_EQ(got, sent);
  transport.leave();
}

TEST(SocketTransport, TheEndOfTheStreamIsReadAfterTheBytesBeforeIt) {
  loop::Loop loop;
  SocketPair pair;
  SocketTransport transport(loop, std::move(pair.a));
  bool told = false;
  transport.start([&told] { told = true; });
  ASSERT_EQ(::send(pair.b.get(), "last", 4, 0), 4);
  pair.b.reset();
  run_until(loop, [&] { return told; });
  transport.fill();
  EXPECT_EQ(receive_now(transport.descriptor()), "last");
  told = false;
  run_until(loop, [&] { return told; });
  transport.fill();
  ASSERT_TRUE(transport.readable());
  char byte = 0;
  EXPECT_EQ(::recv(transport.descriptor(), &byte, 1, 0), 0);
  transport.leave();
}

TEST(SocketTransport, AFullSocketNeverSaysTryAgainAndLosesNothing) {
  loop::Loop loop;
  SocketPair pair;
  SocketTransport transport(loop, std::move(pair.a));
  bool told = false;
  transport.start([&told] { told = true; });
  std::string sent, got;
  char next = 'a';
  while (transport.writable()) {
    const std::string piece(10'000, next);
    next = static_cast<char>(next == 'z' ? 'a' : next + 1);
    const ssize_t taken = ::send(transport.descriptor(), piece.data(), piece.size(), 0);
    ASSERT_GT(taken, 0);
    sent.append(piece, 0, static_cast<std::size_t>(taken));
  }
  transport.watch_writable(true);
  while (got.size() < sent.size()) {
    got += receive_now(pair.b.get());
    tunneld::testing::turn(loop, 1);
  }
  EXPECT_EQ(got, sent);
  EXPECT_TRUE(transport.writable());
  transport.leave();
}

}  // namespace
}  // namespace tunneld::ssh
