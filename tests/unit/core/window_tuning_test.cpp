#include "core/window_tuning.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace tunneld {
namespace {

constexpr std::uint32_t kPlenty = 256U * 1024 * 1024;
constexpr std::uint64_t kRtt = 100'000;

// A link that carries `bytes_per_us` and has a round trip of `rtt_us`, of which `known_rtt_us` was measured.
struct Link {
  std::uint64_t rtt_us = kRtt;
  double bytes_per_us = 1000;
  std::uint64_t known_rtt_us = kRtt;
  std::uint64_t now_us = 1'000'000;

  // Takes in one window's worth.
  void run(WindowTuner& tuner, std::uint32_t spare = kPlenty, bool stalled = false) {
    const auto by_link = static_cast<std::uint64_t>(tuner.window() / bytes_per_us);
    const std::uint64_t elapsed_us = std::max(rtt_us, by_link);
    now_us += elapsed_us;
    tuner.step({now_us, elapsed_us, known_rtt_us, spare, stalled});
  }
};

TEST(WindowTuner, GrowsToTheMaximumOnALongFastLinkWithinAFewWindows) {
  WindowTuner tuner;
  Link link;
  int windows = 0;
  for (; tuner.window() < kMaxWindow; ++windows) {
    ASSERT_LT(windows, 10);
    link.run(tuner);
  }
  EXPECT_LE(windows, 4);
  for (int more = 0; more < 100; ++more) link.run(tuner);
  EXPECT_EQ(tuner.window(), kMaxWindow);
}

TEST(WindowTuner, KeepsOfALargerWindowThatPaidWhatTheLinkHoldsTwice) {
  WindowTuner tuner;
  Link link;
  link.bytes_per_us = 20;  // the link holds 2 MB
  for (int windows = 0; windows < 20; ++windows) link.run(tuner);
  EXPECT_NEAR(tuner.window(), 4'000'000, 1);
}

TEST(WindowTuner, GoesBackToTheWindowBeforeWhereALargerOneDoesNotPay) {
  WindowTuner tuner;
  Link link;
  link.rtt_us = 500;
  link.bytes_per_us = 400;
  link.known_rtt_us = 5'000;  // measured while the machine was busy
  int larger = 0;
  for (int windows = 0; windows < 1000; ++windows) {
    link.run(tuner);
    larger += tuner.window() > kDefaultWindow ? 1 : 0;
    EXPECT_LE(tuner.window(), 4 * kDefaultWindow);
  }
  EXPECT_GT(larger, 0);
  EXPECT_LE(larger, 6);  // in the three seconds that this takes, two tries of two windows
}

TEST(WindowTuner, TriesAgainAfterAWhile) {
  WindowTuner tuner;
  Link link;
  link.bytes_per_us = 13;  // another channel of the chain is the limit
  while (tuner.window() == kDefaultWindow) link.run(tuner);
  while (tuner.window() != kDefaultWindow) link.run(tuner);
  link.bytes_per_us = 1000;
  const std::uint64_t failed_at_us = link.now_us;
  while (tuner.window() == kDefaultWindow) {
    ASSERT_LT(link.now_us, failed_at_us + 2 * kRetryAfterUs);
    link.run(tuner);
  }
  EXPECT_GE(link.now_us, failed_at_us + kRetryAfterUs);
}

TEST(WindowTuner, TriesLessAndLessOftenWhatDoesNotPay) {
  WindowTuner tuner;
  Link link;
  link.bytes_per_us = 13;
  int larger = 0;
  const std::uint64_t began_us = link.now_us;
  while (link.now_us < began_us + 300 * std::uint64_t{1'000'000}) {
    const std::uint32_t before = tuner.window();
    link.run(tuner);
    larger += tuner.window() > before ? 1 : 0;
  }
  EXPECT_GE(larger, 6);
  EXPECT_LE(larger, 9);
}

TEST(WindowTuner, StaysWhereTheLinkIsTheLimit) {
  WindowTuner tuner;
  Link link;
  link.bytes_per_us = 5;
  for (int windows = 0; windows < 20; ++windows) link.run(tuner);
  EXPECT_EQ(tuner.window(), kDefaultWindow);
}

TEST(WindowTuner, StaysWhileTheRoundTripIsUnknownOrShort) {
  for (const std::uint64_t known_rtt_us : {std::uint64_t{0}, kShortRttUs - 1}) {
    WindowTuner tuner;
    Link link;
    link.rtt_us = 100;
    link.bytes_per_us = 100'000;
    link.known_rtt_us = known_rtt_us;
    for (int windows = 0; windows < 20; ++windows) link.run(tuner);
    EXPECT_EQ(tuner.window(), kDefaultWindow);
  }
}

TEST(WindowTuner, SpendsNoMoreThanIsSpare) {
  WindowTuner tuner;
  Link link;
  link.run(tuner, 0);
  EXPECT_EQ(tuner.window(), kDefaultWindow);
  link.run(tuner, 1000);
  EXPECT_EQ(tuner.window(), kDefaultWindow + 1000);
}

TEST(Slumped, IsASixteenthThatTakesMoreThanARoundTripAndAQuarter) {
  EXPECT_FALSE(slumped(kRtt * 5 / 4, kRtt));
  EXPECT_TRUE(slumped(kRtt * 5 / 4 + 1, kRtt));
  EXPECT_FALSE(slumped(kHiccupUs, kRtt / 10));
  EXPECT_TRUE(slumped(kHiccupUs + 1, kRtt / 10));
}

TEST(WindowTuner, HalvesForAConsumerThatDoesNotKeepUpDownToTheDefault) {
  WindowTuner tuner;
  Link link;
  while (tuner.window() < kMaxWindow) link.run(tuner);
  link.run(tuner, kPlenty, true);
  EXPECT_EQ(tuner.window(), kMaxWindow / 2);
  for (int windows = 0; windows < 10; ++windows) link.run(tuner, kPlenty, true);
  EXPECT_EQ(tuner.window(), kDefaultWindow);
}

}  // namespace
}  // namespace tunneld
