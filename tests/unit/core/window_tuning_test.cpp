#include "core/window_tuning.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <utility>

namespace tunneld {
namespace {

constexpr std::uint32_t kPlenty = 256U * 1024 * 1024;
constexpr std::uint64_t kMegabyte = 1'000'000;

// A stream from a server that always has something to send, in steps of a millisecond.
class Stream {
 public:
  std::uint64_t rtt_ms = 100;
  std::uint64_t known_rtt_ms = 100;
  std::uint64_t bytes_per_ms = 100'000;  // what the link and the client take
  std::uint32_t spare = kPlenty;
  WindowTuner tuner;

  // Returns the bytes that were taken in. `sends`: whether the server does, at which millisecond.
  std::uint64_t run(std::uint64_t for_ms, const std::function<bool(std::uint64_t)>& sends = {}) {
    const std::uint64_t before = taken_;
    for (const std::uint64_t end_ms = now_ms_ + for_ms; now_ms_ < end_ms; ++now_ms_) {
      while (!grants_.empty() && grants_.front().at_ms <= now_ms_) credit_ += next(grants_);
      if (!sends || sends(now_ms_)) send();
      while (!under_way_.empty() && under_way_.front().at_ms <= now_ms_) take(next(under_way_));
    }
    return taken_ - before;
  }
  // What waits at the server when it sends nothing.
  std::uint64_t credit() const { return credit_; }

 private:
  struct Bytes {
    std::uint64_t at_ms;
    std::uint64_t count;
  };

  static std::uint64_t next(std::deque<Bytes>& queue) {
    const std::uint64_t count = queue.front().count;
    queue.pop_front();
    return count;
  }

  void send() {
    const std::uint64_t count = std::min(credit_, bytes_per_ms);
    if (count == 0) return;
    credit_ -= count;
    under_way_.push_back({now_ms_ + rtt_ms / 2, count});
  }

  void take(std::uint64_t count) {
    taken_ += count;
    open_ -= count;
    untold_ += count;
    if (untold_ < kTopUpBytes) return;
    tuner.step({now_ms_ * 1000, std::exchange(untold_, 0), known_rtt_ms * 1000, spare});
    if (tuner.window() <= open_) return;
    grants_.push_back({now_ms_ + rtt_ms - rtt_ms / 2, tuner.window() - open_});
    open_ = tuner.window();
  }

  std::uint64_t now_ms_ = 1'000;
  std::uint64_t taken_ = 0;
  std::uint64_t untold_ = 0;  // taken, and not told to the tuner
  std::uint64_t open_ = kFarWindow;
  std::uint64_t credit_ = kFarWindow;
  std::deque<Bytes> grants_, under_way_;
};

TEST(WindowTuner, GrowsByHalfEachRoundTripOnALinkThatHoldsMore) {
  Stream stream;
  stream.bytes_per_ms = 200'000;
  std::uint32_t before = kFarWindow;
  for (int rounds = 0; rounds < 4; ++rounds) {
    stream.run(stream.rtt_ms);
    EXPECT_LE(stream.tuner.window(), before + before / 2 + kTopUpBytes);
    before = stream.tuner.window();
  }
  EXPECT_GE(before, 2 * kFarWindow);
  stream.run(6 * stream.rtt_ms);
  EXPECT_EQ(stream.tuner.window(), kMaxWindow);
  stream.run(60'000);
  EXPECT_EQ(stream.tuner.window(), kMaxWindow);
}

TEST(WindowTuner, FillsALinkAndHalfAsMuchAgain) {
  for (const std::uint64_t bytes_per_ms : {20'000, 50'000, 100'000}) {
    Stream stream;
    stream.bytes_per_ms = bytes_per_ms;
    stream.run(2'000);
    EXPECT_EQ(stream.run(1'000), 1'000 * bytes_per_ms);
    const double holds = static_cast<double>(bytes_per_ms * stream.rtt_ms);
    EXPECT_NEAR(stream.tuner.window(), 1.5 * holds, holds / 10);
  }
}

TEST(WindowTuner, StaysAtTheLeastWhereTheLinkHoldsNoMore) {
  Stream stream;
  stream.bytes_per_ms = 5'000;
  stream.run(10'000);
  EXPECT_EQ(stream.tuner.window(), kFarWindow);
}

TEST(WindowTuner, GrowsAlthoughTheRoundTripIsLongerThanKnown) {
  Stream stream;
  stream.bytes_per_ms = 50'000;
  stream.known_rtt_ms = 70;
  stream.run(3'000);
  EXPECT_GE(stream.run(1'000), 49 * kMegabyte);
}

TEST(WindowTuner, GrowsNoFurtherThanARoundTripThatIsKnownTooLongAllows) {
  Stream stream;
  stream.rtt_ms = 2;
  stream.known_rtt_ms = 10;
  stream.bytes_per_ms = 400'000;
  stream.run(10'000);
  EXPECT_NEAR(stream.tuner.window(), 1.5 * 10 * 400'000, 400'000);
  stream.known_rtt_ms = 1;
  stream.run(100);
  EXPECT_EQ(stream.tuner.window(), kDefaultWindow);
}

TEST(WindowTuner, IsNotMisledByPauses) {
  struct Pauses {
    std::uint64_t bytes_per_ms, every_ms, for_ms;
  };
  for (const Pauses pauses : {Pauses{70'000, 2'000, 150}, Pauses{25'000, 5'000, 150}, Pauses{70'000, 1'000, 200},
                              Pauses{50'000, 2'000, 1'500}, Pauses{80'000, 1'000, 920}}) {
    Stream stream;
    stream.bytes_per_ms = pauses.bytes_per_ms;
    const auto sends = [&pauses](std::uint64_t now_ms) { return now_ms % pauses.every_ms >= pauses.for_ms; };
    stream.run(12'000, sends);
    const std::uint64_t could = (pauses.every_ms - pauses.for_ms) * pauses.bytes_per_ms;
    EXPECT_GE(stream.run(10 * pauses.every_ms, sends) * 10, could * 9 * 10)
        << pauses.bytes_per_ms << " bytes/ms, " << pauses.for_ms << " ms in " << pauses.every_ms;
  }
}

TEST(WindowTuner, ShrinksWithinAFewRoundsForWhoeverIsSlow) {
  Stream stream;
  stream.run(3'000);
  ASSERT_GE(stream.tuner.window(), 15 * kMegabyte);
  stream.bytes_per_ms = 7'000;
  stream.run(1'000);
  EXPECT_EQ(stream.tuner.window(), kFarWindow);
  stream.bytes_per_ms = 100'000;
  stream.run(2'500);
  EXPECT_GE(stream.tuner.window(), 15 * kMegabyte);
}

// As OpenSSH's: the more waits there, the less gets done.
TEST(WindowTuner, FreesAServerFromItsOwnQueue) {
  Stream stream;
  stream.run(3'000);
  const auto server = [&stream](std::uint64_t) {
    stream.bytes_per_ms = stream.credit() > 10 * kMegabyte ? 7'000 : 100'000;
    return true;
  };
  stream.run(300, [](std::uint64_t) { return false; });
  ASSERT_GT(stream.credit(), 10 * kMegabyte);
  stream.run(5'000, server);
  EXPECT_GE(stream.run(1'000, server), 95 * kMegabyte);
}

TEST(WindowTuner, StaysWhileTheRoundTripIsUnknownOrShort) {
  for (const std::uint64_t known_rtt_ms : {0, 1}) {
    Stream stream;
    stream.rtt_ms = 2;
    stream.known_rtt_ms = known_rtt_ms;
    stream.run(1'000);
    EXPECT_EQ(stream.tuner.window(), kDefaultWindow);
    stream.known_rtt_ms = kShortRttUs / 1000;
    stream.run(1'000);
    EXPECT_EQ(stream.tuner.window(), kFarWindow);
  }
}

TEST(WindowTuner, SpendsNoMoreThanIsSpare) {
  Stream stream;
  stream.spare = 0;
  stream.run(2'000);
  EXPECT_EQ(stream.tuner.window(), kFarWindow);
  WindowTuner tuner;
  tuner.step({.now_us = 100'000, .taken = 2 * kFarWindow, .rtt_us = 100'000, .spare = 1'000});
  EXPECT_EQ(tuner.window(), kFarWindow + 1'000);
}

}  // namespace
}  // namespace tunneld
