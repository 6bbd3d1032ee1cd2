#include "loop/timer.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "unit/support/turns.h"

namespace tunneld::loop {
namespace {

using testing::run_until;

TEST(Timer, FiresOnceNotBeforeItsTime) {
  Loop loop;
  int fired = 0;
  Timer timer(loop, [&fired] { ++fired; });
  EXPECT_FALSE(timer.active());
  const std::uint64_t began = loop.precise_now_ms();
  timer.start(20);
  EXPECT_TRUE(timer.active());
  loop.run();
  EXPECT_GE(loop.precise_now_ms() + 1, began + 20);
  EXPECT_EQ(fired, 1);
  EXPECT_FALSE(timer.active());
}

TEST(Timer, Repeats) {
  Loop loop;
  int fired = 0;
  Timer timer(loop, [&] {
    if (++fired == 3) timer.stop();
  });
  timer.start(0, 1);
  loop.run();
  EXPECT_EQ(fired, 3);
}

TEST(Timer, StoppedDoesNotFire) {
  Loop loop;
  Timer timer(loop, [] { FAIL(); });
  timer.start(0);
  timer.stop();
  EXPECT_FALSE(timer.active());
  loop.run();
}

TEST(Timer, DestroyedDoesNotFireEvenWhenDue) {
  Loop loop;
  std::unique_ptr<Timer> second;
  std::string order;
  Timer first(loop, [&] {
    order += "1";
    second.reset();  // due in this very turn
  });
  second = std::make_unique<Timer>(loop, [&order] { order += "2"; });
  first.start(1);
  second->start(1);
  loop.run();
  EXPECT_EQ(order, "1");
}

TEST(Timer, StartingAgainMovesTheDeadline) {
  Loop loop;
  int fired = 0;
  Timer timer(loop, [&fired] { ++fired; });
  timer.start(testing::kDeadlineMs);
  timer.start(0);
  EXPECT_TRUE(run_until(loop, [&fired] { return fired == 1; }));
  loop.run();
  EXPECT_EQ(fired, 1);
}

TEST(Timer, CountsFromTheStartNotFromTheTurnsBegin) {
  Loop loop;
  std::uint64_t started = 0;
  Timer slow(loop, [] {});
  Timer worker(loop, [&] {
    const std::uint64_t began = loop.precise_now_ms();
    while (loop.precise_now_ms() < began + 30) {
    }
    started = loop.precise_now_ms();
    slow.start(20);
  });
  worker.start(0);
  loop.run();
  EXPECT_GE(loop.precise_now_ms() + 1, started + 20);
}

TEST(Timer, FiresInTheOrderOfTheDeadlines) {
  Loop loop;
  std::string order;
  Timer late(loop, [&order] { order += "c"; });
  Timer early(loop, [&order] { order += "a"; });
  Timer middle(loop, [&order] { order += "b"; });
  late.start(6);
  early.start(1);
  middle.start(3);
  loop.run();
  EXPECT_EQ(order, "abc");
}

}  // namespace
}  // namespace tunneld::loop
