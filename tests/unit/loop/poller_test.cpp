#include "loop/poller.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <vector>

#include "unit/support/sockets.h"
#include "unit/support/turns.h"

namespace tunneld::loop {
namespace {

using testing::Pair;
using testing::run_until;
using testing::turn;

// A poller that keeps what it was told.
struct Watcher {
  Watcher(Loop& loop, const UniqueFd& fd, unsigned events)
      : poller(loop, fd.get(), [this](unsigned seen) { told.push_back(seen); }) {
    poller.watch(events);
  }
  bool any() const { return !told.empty(); }
  std::vector<unsigned> told;
  Poller poller;
};

TEST(Poller, TellsThatThereIsSomethingToRead) {
  Loop loop;
  const Pair pair = testing::tcp_pair();
  Watcher watcher(loop, pair.ours, Poller::kReadable);
  turn(loop);
  EXPECT_FALSE(watcher.any());
  ASSERT_TRUE(testing::send_text(pair.theirs, "x"));
  ASSERT_TRUE(run_until(loop, [&] { return watcher.any(); }));
  EXPECT_EQ(watcher.told.front(), Poller::kReadable);
}

TEST(Poller, TellsAgainWhileSomethingIsThere) {
  Loop loop;
  const Pair pair = testing::tcp_pair();
  Watcher watcher(loop, pair.ours, Poller::kReadable);
  ASSERT_TRUE(testing::send_text(pair.theirs, "x"));
  EXPECT_TRUE(run_until(loop, [&] { return watcher.told.size() >= 3; }));
}

TEST(Poller, TellsThatItMayBeWritten) {
  Loop loop;
  const Pair pair = testing::tcp_pair();
  Watcher watcher(loop, pair.ours, Poller::kWritable);
  ASSERT_TRUE(run_until(loop, [&] { return watcher.any(); }));
  EXPECT_EQ(watcher.told.front(), Poller::kWritable);
}

TEST(Poller, AFullSocketIsNotWritableUntilItIsRead) {
  Loop loop;
  const Pair pair = testing::unix_pair();
  const std::string block(64 * 1024, 'x');
  while (::send(pair.ours.get(), block.data(), block.size(), MSG_NOSIGNAL) > 0) {
  }
  Watcher watcher(loop, pair.ours, Poller::kWritable);
  turn(loop);
  EXPECT_FALSE(watcher.any());
  std::vector<char> sink(1 << 20);
  ASSERT_GT(::recv(pair.theirs.get(), sink.data(), sink.size(), 0), 0);
  EXPECT_TRUE(run_until(loop, [&] { return watcher.any(); }));
}

TEST(Poller, TellsOnlyWhatItIsAskedFor) {
  Loop loop;
  const Pair pair = testing::tcp_pair();
  Watcher watcher(loop, pair.ours, Poller::kReadable | Poller::kWritable);
  ASSERT_TRUE(run_until(loop, [&] { return watcher.any(); }));
  EXPECT_EQ(watcher.told.front(), Poller::kWritable);
  watcher.poller.watch(Poller::kReadable);
  watcher.told.clear();
  turn(loop);
  EXPECT_FALSE(watcher.any());
}

TEST(Poller, EndOfStreamIsReadable) {
  Loop loop;
  Pair pair = testing::tcp_pair();
  Watcher watcher(loop, pair.ours, Poller::kReadable);
  pair.theirs.reset();
  ASSERT_TRUE(run_until(loop, [&] { return watcher.any(); }));
  EXPECT_EQ(watcher.told.front(), Poller::kReadable);
}

TEST(Poller, WhoDoesNotReadSeesAReset) {
  Loop loop;
  Pair pair = testing::tcp_pair();
  ASSERT_TRUE(testing::send_text(pair.theirs, "unread"));
  Watcher watcher(loop, pair.ours, Poller::kError);
  turn(loop);
  EXPECT_FALSE(watcher.any()) << "data is not what it asked for";
  testing::reset(std::move(pair.theirs));
  ASSERT_TRUE(run_until(loop, [&] { return watcher.any(); }));
  turn(loop);
  EXPECT_EQ(watcher.told, std::vector<unsigned>{Poller::kError}) << "told once";
}

TEST(Poller, WhoDoesNotReadIsNotWokenByAnEndOfStream) {
  Loop loop;
  const Pair pair = testing::tcp_pair();
  Watcher watcher(loop, pair.ours, Poller::kError);
  ASSERT_EQ(::shutdown(pair.theirs.get(), SHUT_WR), 0);
  turn(loop);
  EXPECT_FALSE(watcher.any());
}

// A unix socket's peer that has closed is a hang-up at once, unlike TCP's: what it sent before is still there
// to be read.
TEST(Poller, AHangUpOfAUnixSocketIsToldOnceAndLeavesItsDataReadable) {
  Loop loop;
  Pair pair = testing::unix_pair();
  ASSERT_TRUE(testing::send_text(pair.theirs, "sent before"));
  pair.theirs.reset();
  Watcher watcher(loop, pair.ours, Poller::kError);
  ASSERT_TRUE(run_until(loop, [&] { return watcher.any(); }));
  turn(loop);
  EXPECT_EQ(watcher.told, std::vector<unsigned>{Poller::kError});
  watcher.told.clear();
  watcher.poller.watch(Poller::kReadable);
  ASSERT_TRUE(run_until(loop, [&] { return watcher.any(); }));
  EXPECT_EQ(watcher.told.front(), Poller::kReadable);
  std::array<char, 32> text{};
  EXPECT_EQ(::recv(pair.ours.get(), text.data(), text.size(), 0), 11);
}

// The same on TCP once both sides have ended their sending: the last of what the peer sent may still be
// unread.
TEST(Poller, AHangUpOfATcpSocketThatHasSentItsEndLeavesTheDataReadable) {
  Loop loop;
  const Pair pair = testing::tcp_pair();
  ASSERT_EQ(::shutdown(pair.ours.get(), SHUT_WR), 0);
  Watcher watcher(loop, pair.ours, Poller::kError);
  ASSERT_TRUE(testing::send_text(pair.theirs, "sent before"));
  ASSERT_EQ(::shutdown(pair.theirs.get(), SHUT_WR), 0);
  ASSERT_TRUE(run_until(loop, [&] { return watcher.any(); }));
  EXPECT_EQ(watcher.told, std::vector<unsigned>{Poller::kError});
  std::array<char, 32> text{};
  EXPECT_EQ(::recv(pair.ours.get(), text.data(), text.size(), 0), 11);
  EXPECT_EQ(::recv(pair.ours.get(), text.data(), text.size(), 0), 0) << "an end in order, no reset";
}

TEST(Poller, AResetIsSeenWhileReadingAndWhileWriting) {
  for (const unsigned events : {Poller::kReadable, Poller::kReadable | Poller::kWritable}) {
    Loop loop;
    Pair pair = testing::tcp_pair();
    testing::reset(std::move(pair.theirs));
    Watcher watcher(loop, pair.ours, events);
    ASSERT_TRUE(run_until(loop, [&] { return watcher.any() && watcher.told.back() == Poller::kError; }));
    const std::size_t told = watcher.told.size();
    turn(loop);
    EXPECT_EQ(watcher.told.size(), told) << "it is watched no more";
  }
}

TEST(Poller, UrgentDataDoesNotSpin) {
  Loop loop;
  const Pair pair = testing::tcp_pair();
  Watcher watcher(loop, pair.ours, Poller::kError);
  ASSERT_EQ(::send(pair.theirs.get(), "!", 1, MSG_OOB | MSG_NOSIGNAL), 1);
  ASSERT_TRUE(run_until(loop, [&] { return watcher.any(); }));
  turn(loop, 100);
  EXPECT_EQ(watcher.told.size(), 1U);
}

TEST(Poller, UrgentDataDoesNotWakeWhoReads) {
  Loop loop;
  const Pair pair = testing::tcp_pair();
  // The urgent byte itself is no part of the stream: nothing is readable.
  Watcher urgent(loop, pair.ours, Poller::kError);
  ASSERT_EQ(::send(pair.theirs.get(), "!", 1, MSG_OOB | MSG_NOSIGNAL), 1);
  ASSERT_TRUE(run_until(loop, [&] { return urgent.any(); }));
  urgent.told.clear();
  urgent.poller.watch(Poller::kReadable | Poller::kError);
  turn(loop, 100);
  EXPECT_LE(urgent.told.size(), 1U) << "at most one vain wake-up";
}

TEST(Poller, ZeroStopsWatchingAndWatchingResumes) {
  Loop loop;
  const Pair pair = testing::tcp_pair();
  Watcher watcher(loop, pair.ours, Poller::kReadable);
  ASSERT_TRUE(testing::send_text(pair.theirs, "x"));
  watcher.poller.watch(0);
  turn(loop);
  EXPECT_FALSE(watcher.any());
  watcher.poller.watch(Poller::kReadable);
  EXPECT_TRUE(run_until(loop, [&] { return watcher.any(); }));
}

TEST(Poller, ClosedInItsCallbackIsSilentForGood) {
  Loop loop;
  const Pair pair = testing::tcp_pair();
  int told = 0;
  std::unique_ptr<Poller> poller;
  poller = std::make_unique<Poller>(loop, pair.ours.get(), [&](unsigned) {
    ++told;
    poller->close();
    poller->watch(Poller::kWritable);  // too late, and harmless
  });
  poller->watch(Poller::kWritable);
  ASSERT_TRUE(run_until(loop, [&told] { return told == 1; }));
  turn(loop);
  EXPECT_EQ(told, 1);
  poller->close();
}

// The number of a closed descriptor is given to the next: the old poller must have let go of it.
TEST(Poller, AClosedPollersDescriptorNumberServesAnother) {
  Loop loop;
  Pair old_pair = testing::tcp_pair();
  Pair fresh = testing::tcp_pair();
  Watcher old(loop, old_pair.ours, Poller::kReadable);
  turn(loop);
  const int number = old_pair.ours.get();
  old.poller.close();
  // Takes the old number over in one step; what was there is closed.
  ASSERT_EQ(::dup2(fresh.ours.get(), number), number);
  const UniqueFd reused(old_pair.ours.release());
  fresh.ours.reset();
  Watcher watcher(loop, reused, Poller::kReadable);
  ASSERT_TRUE(testing::send_text(fresh.theirs, "x"));
  ASSERT_TRUE(run_until(loop, [&] { return watcher.any(); }));
  EXPECT_EQ(watcher.told.front(), Poller::kReadable);
  EXPECT_FALSE(old.any());
}

TEST(Poller, TwoPollersOfTheSameTurnDoNotMixUpAReusedNumber) {
  Loop loop;
  Pair first = testing::tcp_pair();
  Pair second = testing::tcp_pair();
  Pair third = testing::tcp_pair();
  std::unique_ptr<Watcher> late;
  UniqueFd reused;
  std::vector<int> order;
  // Whichever is told first closes the other, whose number at once belongs to a socket with nothing to read.
  std::unique_ptr<Poller> a;
  std::unique_ptr<Poller> b;
  const auto replace = [&](Poller& self, Poller& other, Pair& gone) {
    self.watch(0);
    other.close();
    ASSERT_EQ(::dup2(third.ours.get(), gone.ours.get()), gone.ours.get());
    reused = std::move(gone.ours);
    late = std::make_unique<Watcher>(loop, reused, Poller::kReadable);
  };
  a = std::make_unique<Poller>(loop, first.ours.get(), [&](unsigned) {
    order.push_back(1);
    replace(*a, *b, second);
  });
  b = std::make_unique<Poller>(loop, second.ours.get(), [&](unsigned) {
    order.push_back(2);
    replace(*b, *a, first);
  });
  ASSERT_TRUE(testing::send_text(first.theirs, "x"));
  ASSERT_TRUE(testing::send_text(second.theirs, "x"));
  a->watch(Poller::kReadable);
  b->watch(Poller::kReadable);
  ASSERT_TRUE(run_until(loop, [&order] { return !order.empty(); }));
  turn(loop);
  EXPECT_EQ(order.size(), 1U);
  EXPECT_FALSE(late->any()) << "it was told of its predecessor's data";
  a->close();
  b->close();
  late->poller.close();
}

TEST(PollerDeathTest, ADescriptorThatIsNotOpenIsABug) {
  EXPECT_DEATH(
      {
        Loop loop;
        const Poller poller(loop, -1, [](unsigned) {});
      },
      "not open");
}

}  // namespace
}  // namespace tunneld::loop
