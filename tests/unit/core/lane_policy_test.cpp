#include "core/lane_policy.h"

#include <gtest/gtest.h>

#include <ostream>
#include <string>

#include "unit/core/lane_asks.h"

namespace tunneld {

void PrintTo(const LaneChoice& choice, std::ostream* out) {
  *out << (choice.lane ? "lane " + std::to_string(*choice.lane) : std::string("wait"))
       << (choice.open ? ", open one more" : "");
}

namespace {

constexpr LaneLimits kLimits;
constexpr std::size_t kCrowded = 192;

Lane quiet(std::size_t channels) {
  return {.channels = channels};
}
Lane bulk(std::size_t channels) {
  return {.channels = channels, .carries_bulk = true};
}
Lane stalled(std::size_t channels) {
  return {.channels = channels, .stalled = true};
}
Lane opening() {
  return {.state = LaneState::opening};
}
Lane idle(std::uint64_t for_ms) {
  return {.idle_ms = for_ms};
}

LaneChoice takes(std::size_t lane) {
  return {lane, false};
}
LaneChoice takes_and_opens(std::size_t lane) {
  return {lane, true};
}
LaneChoice waits() {
  return {std::nullopt, false};
}
LaneChoice waits_and_opens() {
  return {std::nullopt, true};
}

LaneChoice choose(const std::vector<Lane>& lanes, const LaneAsk& ask = kAsk) {
  return choose_lane(lanes, kLimits, ask);
}

TEST(LaneLimits, AreWhatIsPromised) {
  EXPECT_EQ(kLimits.max_lanes, 16U);
  EXPECT_EQ(kLimits.channels_per_lane, 256U);
  EXPECT_EQ(kLimits.crowded_at(), kCrowded);
  EXPECT_EQ(kLimits.close_idle_after_ms, kMinuteMs);
}

TEST(LaneLimits, OfOneChannelALaneLeaveThatOneUncrowded) {
  LaneLimits limits;
  limits.channels_per_lane = 1;
  EXPECT_EQ(choose_lane({quiet(0)}, limits, kAsk), takes(0));
  EXPECT_EQ(choose_lane({quiet(1)}, limits, kAsk), waits_and_opens());
}

// Which lane takes it.

TEST(ChooseLane, FillsTheFirstQuietLaneThoughLaterOnesHaveFewerChannels) {
  EXPECT_EQ(choose({quiet(0)}), takes(0));
  EXPECT_EQ(choose({quiet(kCrowded - 1), quiet(0)}), takes(0));
  EXPECT_EQ(choose({quiet(kCrowded), quiet(5), quiet(3)}), takes(1));
}

TEST(ChooseLane, PassesOverLanesThatCarryBulk) {
  EXPECT_EQ(choose({bulk(1), bulk(1), quiet(100)}), takes(2));
}

TEST(ChooseLane, PassesOverLanesThatAreOpening) {
  EXPECT_EQ(choose({bulk(1), opening(), quiet(100)}), takes(2));
  EXPECT_EQ(choose({opening(), quiet(7)}), takes(1));
}

TEST(ChooseLane, TakesTheCrowdedLaneWithTheFewestChannelsWhenAllAreCrowded) {
  EXPECT_EQ(choose({quiet(250), quiet(200), quiet(200), quiet(255)}, kMayNotOpen), takes(1));
}

TEST(ChooseLane, PrefersAFullQuietLaneToAnEmptierOneWithBulk) {
  EXPECT_EQ(choose({bulk(1), quiet(kFull)}, kMayNotOpen), takes(1));
}

TEST(ChooseLane, TakesTheFullLaneWithTheFewestChannelsWhenNoMoreMayBeOpened) {
  EXPECT_EQ(choose({quiet(400), quiet(300), bulk(1), quiet(301)}, kMayNotOpen), takes(1));
  std::vector<Lane> all(kLimits.max_lanes, quiet(kFull + 1));
  all[9] = quiet(kFull);
  EXPECT_EQ(choose(all), takes(9));
}

TEST(ChooseLane, TakesTheLaneWithTheFewestChannelsWhenEveryOneCarriesBulkAndNoMoreMayBeOpened) {
  EXPECT_EQ(choose({bulk(3), bulk(1), bulk(2)}, kMayNotOpen), takes(1));
  std::vector<Lane> all(kLimits.max_lanes, bulk(9));
  all[15] = bulk(8);
  EXPECT_EQ(choose(all), takes(15));
}

// When another is opened.

TEST(ChooseLane, OpensTheNextLaneBehindAConnectionThatFindsAllQuietOnesCrowded) {
  EXPECT_EQ(choose({quiet(kCrowded - 1)}), takes(0));
  EXPECT_EQ(choose({quiet(kCrowded)}), takes_and_opens(0));
  EXPECT_EQ(choose({bulk(1), quiet(kCrowded)}), takes_and_opens(1));
}

TEST(ChooseLane, WaitsForALaneOfItsOwnWhereEveryOneCarriesBulk) {
  EXPECT_EQ(choose({bulk(1)}), waits_and_opens());
  EXPECT_EQ(choose({bulk(1), bulk(1)}), waits_and_opens());
}

TEST(ChooseLane, WaitsForALaneOfItsOwnWhereEveryOneIsFullOrCarriesBulk) {
  EXPECT_EQ(choose({quiet(kFull - 1)}), takes_and_opens(0));
  EXPECT_EQ(choose({quiet(kFull)}), waits_and_opens());
  EXPECT_EQ(choose({bulk(1), quiet(kFull)}), waits_and_opens());
}

TEST(ChooseLane, NeverOpensASecondLaneWhileOneIsOpening) {
  EXPECT_EQ(choose({quiet(kCrowded), opening()}), takes(0));
  EXPECT_EQ(choose({quiet(kFull), opening()}), waits());
  EXPECT_EQ(choose({bulk(1), opening()}), waits());
}

TEST(ChooseLane, WaitsForALaneThatIsOpeningEvenWhereNoFurtherOneMayBeOpened) {
  EXPECT_EQ(choose({bulk(1), opening()}, kMayNotOpen), waits());
}

TEST(ChooseLane, DoesNotWaitForALaneThatNobodyMayOpen) {
  EXPECT_EQ(choose({bulk(1)}, kMayNotOpen), takes(0));
  EXPECT_EQ(choose({quiet(kFull)}, kMayNotOpen), takes(0));
}

TEST(ChooseLane, AConnectionThatMayWaitNoLongerGetsALaneWhateverTheyCarry) {
  EXPECT_EQ(choose({bulk(1), opening()}, kMayNotWait), takes(0));
  EXPECT_EQ(choose({quiet(kFull), opening()}, kMayNotWait), takes(0));
  EXPECT_EQ(choose({bulk(2), quiet(kFull)}, kMayNotWait), takes_and_opens(1));
}

TEST(ChooseLane, PassesOverAStalledLaneForAnyThatAnswers) {
  EXPECT_EQ(choose({stalled(0), quiet(100)}), takes(1));
  EXPECT_EQ(choose({stalled(0), bulk(3)}, kMayNotOpen), takes(1));
  EXPECT_EQ(choose({quiet(0), stalled(0)}), takes(0));
}

TEST(ChooseLane, OpensAnotherWhereEveryLaneIsStalledAndTakesWhatThereIs) {
  EXPECT_EQ(choose({stalled(0)}), takes_and_opens(0));
  EXPECT_EQ(choose({stalled(0), opening()}), takes(0));
}

TEST(ChooseLane, TakesAStalledLaneWhereThereIsNoOther) {
  EXPECT_EQ(choose({stalled(5), stalled(2)}, kMayNotOpen), takes(1));
}

TEST(ChooseLane, OpensNothingBeforeTheChainIsThere) {
  EXPECT_EQ(choose({}), waits());
  EXPECT_EQ(choose({opening()}), waits());
  EXPECT_EQ(choose({opening()}, kMayNotWait), waits());
}

TEST(ChooseLane, OpensNoMoreThanTheMostThereMayBe) {
  EXPECT_EQ(choose(std::vector<Lane>(kLimits.max_lanes - 1, bulk(1))), waits_and_opens());
  EXPECT_EQ(choose(std::vector<Lane>(kLimits.max_lanes, bulk(1))), takes(0));
  LaneLimits one;
  one.max_lanes = 1;
  EXPECT_EQ(choose_lane({bulk(1)}, one, kAsk), takes(0));
}

TEST(QuietLane, IsTheOneThatTheNextConnectionTakesUnlessThatIsCrowdedOrBusy) {
  EXPECT_EQ(quiet_lane({quiet(0), idle(0)}, kLimits), 0U);
  EXPECT_EQ(quiet_lane({bulk(1), quiet(kCrowded), idle(0)}, kLimits), 2U);
  EXPECT_EQ(quiet_lane({bulk(1), quiet(kCrowded)}, kLimits), std::nullopt);
  EXPECT_EQ(quiet_lane({stalled(0), opening()}, kLimits), std::nullopt);
  EXPECT_EQ(quiet_lane({}, kLimits), std::nullopt);
}

TEST(MayOpenLane, NeverForALoginThatNeedsAPerson) {
  EXPECT_TRUE(may_open_lane(false, std::nullopt));
  EXPECT_FALSE(may_open_lane(true, std::nullopt));
  EXPECT_FALSE(may_open_lane(true, kLaneRetryAfterMs));
}

TEST(MayOpenLane, NotForThirtySecondsAfterOneHasFailed) {
  EXPECT_FALSE(may_open_lane(false, 0));
  EXPECT_FALSE(may_open_lane(false, 29'999));
  EXPECT_TRUE(may_open_lane(false, 30'000));
}

// When one is closed, and how one is opened.

TEST(LanesToClose, AreThoseWithoutAChannelForAMinute) {
  const std::vector<Lane> lanes = {quiet(1), idle(kMinuteMs - 1), idle(kMinuteMs), quiet(1),
                                   idle(kMinuteMs + 1)};
  EXPECT_EQ(lanes_to_close(lanes, kLimits), (std::vector<std::size_t>{2, 4}));
}

TEST(LanesToClose, DoNotHoldTheOneThatTheNextConnectionTakes) {
  EXPECT_TRUE(lanes_to_close({bulk(1), idle(kMinuteMs)}, kLimits).empty());
  EXPECT_TRUE(lanes_to_close({quiet(kCrowded), idle(kMinuteMs)}, kLimits).empty());
  EXPECT_EQ(lanes_to_close({bulk(1), idle(kMinuteMs), idle(kMinuteMs)}, kLimits), (std::vector<std::size_t>{2}));
  EXPECT_EQ(lanes_to_close({bulk(1), quiet(1), idle(kMinuteMs)}, kLimits), (std::vector<std::size_t>{2}));
}

TEST(LanesToClose, NeverHoldLaneZero) {
  EXPECT_TRUE(lanes_to_close({idle(100 * kMinuteMs)}, kLimits).empty());
}

TEST(LanesToClose, HoldNoneThatIsOpeningOrHasAChannel) {
  Lane slow_login = opening();
  slow_login.idle_ms = kMinuteMs;
  Lane busy = quiet(1);
  busy.idle_ms = kMinuteMs;
  EXPECT_TRUE(lanes_to_close({quiet(0), slow_login, busy}, kLimits).empty());
}

TEST(LanesToClose, HoldAnIdleOneThoughAnOuterHopCarriesBulk) {
  Lane shared = idle(kMinuteMs);
  shared.carries_bulk = true;
  EXPECT_EQ(lanes_to_close({bulk(1), shared}, kLimits), (std::vector<std::size_t>{1}));
}

TEST(ParallelFrom, TheFirstHopWhereLaneZeroIsStalled) {
  EXPECT_EQ(parallel_from({}, true), ParallelFrom::first_hop);
  EXPECT_EQ(parallel_from({false, false}, true), ParallelFrom::first_hop);
}

TEST(ParallelFrom, TheLastHopWhereNoneBeforeItCarriesBulk) {
  EXPECT_EQ(parallel_from({}, false), ParallelFrom::last_hop);
  EXPECT_EQ(parallel_from({true}, false), ParallelFrom::last_hop);
  EXPECT_EQ(parallel_from({false, false, false}, false), ParallelFrom::last_hop);
  EXPECT_EQ(parallel_from({false, false, true}, false), ParallelFrom::last_hop);
}

TEST(ParallelFrom, TheFirstHopWhereAnyBeforeTheLastCarriesBulk) {
  EXPECT_EQ(parallel_from({true, false}, false), ParallelFrom::first_hop);
  EXPECT_EQ(parallel_from({true, true, true}, false), ParallelFrom::first_hop);
  EXPECT_EQ(parallel_from({false, true, false}, false), ParallelFrom::first_hop);
}

}  // namespace
}  // namespace tunneld
