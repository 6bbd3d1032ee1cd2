// The lane policy as time goes by, under a driver in small.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <utility>

#include "core/lane_policy.h"
#include "unit/core/lane_asks.h"

namespace tunneld {
namespace {

// Does what the policy says, and checks that it may be done.
class Lanes {
 public:
  explicit Lanes(LaneLimits limits = {}) : limits_(limits), lanes_(1) {}

  void connect(const LaneAsk& ask = kAsk) {
    if (!place(ask)) ++waiting_;
  }
  // Those who wait may wait no longer.
  void end_patience() { settle(kMayNotWait); }
  void opened() {
    if (opening_index()) lanes_[*opening_index()].state = LaneState::ready;
    settle(kAsk);
  }
  void failed_to_open() {
    if (opening_index()) lanes_.erase(lanes_.begin() + static_cast<std::ptrdiff_t>(*opening_index()));
    settle(kMayNotOpen);
  }
  void disconnect(std::size_t lane) {
    if (lanes_[lane].channels > 0 && --lanes_[lane].channels == 0) lanes_[lane].idle_ms = 0;
  }
  void disconnect_all() {
    for (std::size_t lane = 0; lane < lanes_.size(); ++lane)
      while (lanes_[lane].channels > 0) disconnect(lane);
  }
  void set_bulk(std::size_t lane, bool carries_bulk) { lanes_[lane].carries_bulk = carries_bulk; }
  void pass(std::uint64_t ms) {
    for (Lane& lane : lanes_) lane.idle_ms += ms;
    std::vector<std::size_t> gone = lanes_to_close(lanes_, limits_);
    for (; !gone.empty(); gone.pop_back()) {
      ASSERT_NE(gone.back(), 0U);
      ASSERT_EQ(lanes_[gone.back()].channels, 0U);
      lanes_.erase(lanes_.begin() + static_cast<std::ptrdiff_t>(gone.back()));
    }
  }

  std::size_t count() const { return lanes_.size(); }
  std::size_t waiting() const { return waiting_; }
  bool is_opening() const { return opening_index().has_value(); }
  std::vector<std::size_t> channels() const {
    std::vector<std::size_t> counts;
    for (const Lane& lane : lanes_) counts.push_back(lane.channels);
    return counts;
  }

 private:
  std::optional<std::size_t> opening_index() const {
    for (std::size_t i = 0; i < lanes_.size(); ++i)
      if (lanes_[i].state == LaneState::opening) return i;
    return std::nullopt;
  }

  void settle(const LaneAsk& ask) {
    for (std::size_t asked = std::exchange(waiting_, 0); asked > 0; --asked) connect(ask);
  }

  bool has_quiet_room(const Lane& lane) const {
    return !lane.carries_bulk && lane.channels < limits_.channels_per_lane;
  }
  bool has_quiet_room() const {
    return std::any_of(lanes_.begin(), lanes_.end(), [this](const Lane& lane) {
      return lane.state == LaneState::ready && has_quiet_room(lane);
    });
  }

  bool place(const LaneAsk& ask) {
    const LaneChoice choice = choose_lane(lanes_, limits_, ask);
    const bool room = has_quiet_room();
    if (choice.open) {
      EXPECT_TRUE(ask.may_open);
      EXPECT_FALSE(is_opening());
      EXPECT_LT(lanes_.size(), limits_.max_lanes);
    }
    if (choice.lane) {
      EXPECT_LT(*choice.lane, lanes_.size());
      Lane& lane = lanes_[*choice.lane];
      EXPECT_EQ(lane.state, LaneState::ready);
      EXPECT_EQ(has_quiet_room(lane), room);
      ++lane.channels;
    } else {
      EXPECT_FALSE(room);
      EXPECT_TRUE(ask.may_wait);
      EXPECT_TRUE(choice.open || is_opening()) << "it waits for nothing";
    }
    if (choice.open) lanes_.push_back({LaneState::opening});
    return choice.lane.has_value();
  }

  LaneLimits limits_;
  std::vector<Lane> lanes_;
  std::size_t waiting_ = 0;
};

TEST(LanesOverTime, FourThousandConnectionsOneAfterAnotherMakeSixteenLanesOfAtMost256) {
  Lanes lanes;
  for (int i = 0; i < 4000; ++i) {
    lanes.connect();
    ASSERT_EQ(lanes.waiting(), 0U) << i;
    lanes.opened();
  }
  const std::vector<std::size_t> channels = lanes.channels();
  EXPECT_EQ(channels.size(), 16U);
  EXPECT_EQ(std::accumulate(channels.begin(), channels.end(), std::size_t{0}), 4000U);
  EXPECT_LE(*std::max_element(channels.begin(), channels.end()), kFull);
}

TEST(LanesOverTime, ConnectionsBeyondWhatAllLanesHoldAreSharedOutEvenly) {
  Lanes lanes;
  for (int i = 0; i < 4096; ++i) {
    lanes.connect();
    lanes.opened();
  }
  EXPECT_EQ(lanes.channels(), std::vector<std::size_t>(16, kFull));
  for (int i = 0; i < 160; ++i) lanes.connect();
  EXPECT_EQ(lanes.waiting(), 0U);
  EXPECT_EQ(lanes.channels(), std::vector<std::size_t>(16, kFull + 10));
}

TEST(LanesOverTime, APoolOfTwentyStaysOnOneLane) {
  Lanes lanes;
  for (int i = 0; i < 20; ++i) lanes.connect();
  EXPECT_EQ(lanes.channels(), std::vector<std::size_t>{20});
}

TEST(LanesOverTime, AnInteractiveConnectionAfterABulkOneGetsASecondLaneWhichTheNextOneShares) {
  Lanes lanes;
  lanes.connect();
  lanes.set_bulk(0, true);
  lanes.connect();
  EXPECT_EQ(lanes.waiting(), 1U);
  lanes.opened();
  EXPECT_EQ(lanes.channels(), (std::vector<std::size_t>{1, 1}));
  lanes.connect();
  EXPECT_EQ(lanes.channels(), (std::vector<std::size_t>{1, 2}));
}

TEST(LanesOverTime, ALaneThatCannotBeOpenedLeavesTheConnectionToTheOneWithBulk) {
  Lanes lanes;
  lanes.connect();
  lanes.set_bulk(0, true);
  lanes.connect();
  lanes.failed_to_open();
  EXPECT_EQ(lanes.channels(), std::vector<std::size_t>{2});
}

TEST(LanesOverTime, FiveHundredConnectionsAtOnceOpenOneLaneAtATime) {
  Lanes lanes;
  for (int i = 0; i < 500; ++i) lanes.connect();
  EXPECT_EQ(lanes.channels(), (std::vector<std::size_t>{kFull, 0}));
  EXPECT_EQ(lanes.waiting(), 500 - kFull);
  lanes.opened();
  EXPECT_EQ(lanes.channels(), (std::vector<std::size_t>{kFull, 500 - kFull, 0}));
  EXPECT_EQ(lanes.waiting(), 0U);
}

TEST(LanesOverTime, ABurstWhosePatienceEndsGoesToTheLaneThatIsThere) {
  Lanes lanes;
  for (int i = 0; i < 500; ++i) lanes.connect();
  lanes.end_patience();
  EXPECT_EQ(lanes.waiting(), 0U);
  EXPECT_EQ(lanes.channels(), (std::vector<std::size_t>{500, 0}));
}

TEST(LanesOverTime, LanesCloseAMinuteAfterTheirLastConnectionAndLaneZeroStays) {
  Lanes lanes;
  for (int i = 0; i < 600; ++i) {
    lanes.connect();
    lanes.opened();
  }
  ASSERT_EQ(lanes.count(), 4U);
  lanes.disconnect_all();
  lanes.pass(kMinuteMs - 1);
  EXPECT_EQ(lanes.count(), 4U);
  lanes.pass(1);
  EXPECT_EQ(lanes.count(), 1U);
}

TEST(LanesOverTime, WhatComesAfterAPeakFillsTheFirstLanesSoThatTheLastOnesClose) {
  Lanes lanes;
  for (int i = 0; i < 600; ++i) {
    lanes.connect();
    lanes.opened();
  }
  lanes.disconnect_all();
  for (int i = 0; i < 50; ++i) lanes.connect();
  lanes.pass(kMinuteMs);
  EXPECT_EQ(lanes.channels(), std::vector<std::size_t>{50});
}

// Connections, streams and lanes come and go in any order; Lanes checks each step.
TEST(LanesOverTime, WhateverHappensTheRulesHoldAndNobodyWaitsForNothing) {
  LaneLimits small;  // so that every limit is met often
  small.max_lanes = 4;
  small.channels_per_lane = 8;
  for (unsigned seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937 engine{seed};
    const auto below = [&engine](std::size_t n) { return static_cast<std::size_t>(engine() % n); };
    Lanes lanes{small};
    std::size_t most = 0;
    for (int event = 0; event < 500 && !testing::Test::HasFailure(); ++event) {
      const std::size_t dice = below(100);
      if (dice < 40) {
        lanes.connect();
      } else if (dice < 45) {
        lanes.connect(kMayNotOpen);
      } else if (dice < 75) {
        lanes.disconnect(below(lanes.count()));
      } else if (dice < 83) {
        lanes.set_bulk(below(lanes.count()), below(3) == 0);
      } else if (dice < 90) {
        lanes.opened();
      } else if (dice < 92) {
        lanes.failed_to_open();
      } else if (dice < 95) {
        lanes.end_patience();
      } else {
        lanes.pass(below(kMinuteMs));
      }
      most = std::max(most, lanes.count());
      EXPECT_LE(lanes.count(), small.max_lanes);
      EXPECT_TRUE(lanes.waiting() == 0 || lanes.is_opening()) << "event " << event;
    }
    EXPECT_GT(most, 1U);
    if (testing::Test::HasFailure()) break;
  }
}

}  // namespace
}  // namespace tunneld
