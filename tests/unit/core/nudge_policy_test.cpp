#include "core/nudge_policy.h"

#include <gtest/gtest.h>

namespace tunneld {
namespace {

constexpr std::uint64_t kNow = 1'000'000'000;
constexpr std::uint64_t kShortRtt = 300;
constexpr std::uint64_t kLongRtt = 100'000;

TEST(NudgePolicy, WaitsForALullAfterTheLastThatCame) {
  NudgePolicy policy;
  policy.heard(kNow, 100, 7);
  EXPECT_EQ(policy.due_in_us(kNow, 7, kShortRtt), kLullUs);
  policy.heard(kNow + 600, 100, 7);
  EXPECT_EQ(policy.due_in_us(kNow + kLullUs, 7, kShortRtt), 600);
  EXPECT_EQ(policy.due_in_us(kNow + 600 + kLullUs, 7, kShortRtt), 0);
  EXPECT_EQ(policy.due_in_us(kNow + 5 * kLullUs, 7, kShortRtt), 0);
}

TEST(NudgePolicy, IsNeededAfterALongAnswerAsAfterAShortOne) {
  NudgePolicy policy;
  policy.heard(kNow, 60'000, 7);
  EXPECT_EQ(policy.due_in_us(kNow + kLullUs, 7, kShortRtt), 0);
}

TEST(NudgePolicy, NothingIsDueOnceSomethingElseHasBeenSent) {
  NudgePolicy policy;
  policy.heard(kNow, 100, 7);
  EXPECT_EQ(policy.due_in_us(kNow + kLullUs, 8, kShortRtt), std::nullopt);
  policy.heard(kNow + kLullUs, 100, 8);  // came after it: held back for itself
  EXPECT_EQ(policy.due_in_us(kNow + 2 * kLullUs, 8, kShortRtt), 0);
}

TEST(NudgePolicy, TheNextOfALittleWaitsARoundTrip) {
  NudgePolicy policy;
  policy.nudged(kNow);
  policy.heard(kNow + 1, 100, 7);
  EXPECT_EQ(policy.due_in_us(kNow + 1 + kLullUs, 7, 5'000), 5'000 - 1 - kLullUs);
  EXPECT_EQ(policy.due_in_us(kNow + 5'000, 7, 5'000), 0);
}

TEST(NudgePolicy, NotLongerThanTheWaitThatItSaves) {
  NudgePolicy policy;
  policy.nudged(kNow);
  policy.heard(kNow + 1, 100, 7);
  EXPECT_EQ(policy.due_in_us(kNow + kMostBetweenNudgesUs, 7, kLongRtt), 0);
}

TEST(NudgePolicy, TheNextOfMuchDoesNotWait) {
  NudgePolicy policy;
  policy.nudged(kNow);
  policy.heard(kNow + 1, kBytesANudge - 1, 7);
  EXPECT_EQ(policy.due_in_us(kNow + 1 + kLullUs, 7, kLongRtt), kMostBetweenNudgesUs - 1 - kLullUs);
  policy.heard(kNow + 1, 1, 7);  // all that has come since counts
  EXPECT_EQ(policy.due_in_us(kNow + 1 + kLullUs, 7, kLongRtt), 0);
  policy.nudged(kNow + 1 + kLullUs);
  policy.heard(kNow + 1 + kLullUs, 1, 8);  // and nothing that came before
  EXPECT_GT(policy.due_in_us(kNow + 2 + 2 * kLullUs, 8, kLongRtt), 0);
}

// 290 segments a second, none of which is held back by anybody: 100 nudges and not 290.
TEST(NudgePolicy, ASlowLinkThatBringsItsPacketsOneByOneIsNotFilledWithNudges) {
  NudgePolicy policy;
  constexpr std::uint64_t kSegment = 1448;
  constexpr std::uint64_t kBetweenUs = 3'450;
  std::uint64_t packets = 0;
  for (std::uint64_t now = kNow; now < kNow + 1'000'000; now += kBetweenUs) {
    policy.heard(now, kSegment, packets);
    for (std::uint64_t later = now; later < now + kBetweenUs; later += 50) {
      if (policy.due_in_us(later, packets, kLongRtt) != 0) continue;
      policy.nudged(later);
      ++packets;
    }
  }
  EXPECT_GE(packets, 60U);
  EXPECT_LE(packets, 100U);
}

}  // namespace
}  // namespace tunneld
