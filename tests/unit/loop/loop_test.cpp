#include "loop/loop.h"

#include <gtest/gtest.h>
#include <uv.h>

#include <memory>
#include <string>
#include <vector>

#include "loop/timer.h"
#include "loop/worker.h"
#include "unit/support/turns.h"

namespace tunneld::loop {
namespace {

using testing::run_until;

TEST(Loop, RunsDeferredTasksInOrderAndNotAtOnce) {
  Loop loop;
  std::string order;
  loop.defer([&order] { order += "a"; });
  loop.defer([&order] { order += "b"; });
  EXPECT_EQ(order, "");
  loop.run();
  EXPECT_EQ(order, "ab");
}

TEST(Loop, ADeferredTaskMayDeferAnother) {
  Loop loop;
  std::string order;
  loop.defer([&] {
    order += "a";
    loop.defer([&order] { order += "c"; });
    order += "b";
  });
  loop.run();
  EXPECT_EQ(order, "abc");
}

TEST(Loop, DoesNotWaitWhileATaskIsDeferred) {
  Loop loop;
  Timer far(loop, [] { FAIL() << "the loop waited"; });
  far.start(testing::kDeadlineMs);
  bool ran = false;
  Timer near(loop, [&] {
    loop.defer([&] {
      ran = true;
      loop.stop();
    });
  });
  near.start(0);
  loop.run();
  EXPECT_TRUE(ran);
}

TEST(Loop, FollowUpsOfADeferredTaskRunBeforeTheSystemIsAskedAgain) {
  Loop loop;
  std::string order;
  loop.defer([&] {
    loop.defer([&] { order += "d"; });
    loop.follow_up([&] {
      order += "b";
      loop.follow_up([&] { order += "c"; });
    });
    order += "a";
  });
  uv_run(loop.raw(), UV_RUN_NOWAIT);
  EXPECT_EQ(order, "abc");
  uv_run(loop.raw(), UV_RUN_NOWAIT);
  EXPECT_EQ(order, "abcd");
}

TEST(Loop, WhatIsDueBeforeTheSystemIsAskedRunsWhenNothingIsLeftToFollowUp) {
  Loop loop;
  std::string order;
  loop.defer([&] {
    loop.before_asking([&] {
      order += "d";
      loop.follow_up([&] { order += "e"; });
      loop.before_asking([&] { order += "f"; });
    });
    loop.follow_up([&] {
      order += "b";
      loop.follow_up([&] { order += "c"; });
    });
    order += "a";
  });
  uv_run(loop.raw(), UV_RUN_NOWAIT);
  EXPECT_EQ(order, "abcdef");
}

TEST(Loop, ATaskDeferredWhileAFollowUpWaitsIsNotForgotten) {
  Loop loop;
  Timer far(loop, [] { FAIL() << "the loop waited"; });
  far.start(testing::kDeadlineMs);
  loop.follow_up([] {});
  loop.defer([&] { loop.defer([&] { loop.stop(); }); });
  loop.run();
}

TEST(Loop, RetiredObjectsOutliveTheCallbackThatRetiresThem) {
  struct Witness {
    explicit Witness(bool& gone) : gone_(gone) {}
    ~Witness() { gone_ = true; }
    Witness(const Witness&) = delete;
    Witness& operator=(const Witness&) = delete;
    bool& gone_;
  };
  Loop loop;
  bool gone = false;
  auto witness = std::make_unique<Witness>(gone);
  Timer timer(loop, [&] {
    loop.retire(std::move(witness));
    EXPECT_FALSE(gone);
  });
  timer.start(0);
  EXPECT_TRUE(run_until(loop, [&gone] { return gone; }));
}

TEST(Loop, ATimerMayBeRetiredInItsOwnCallback) {
  Loop loop;
  int fired = 0;
  std::unique_ptr<Timer> timer;
  timer = std::make_unique<Timer>(loop, [&] {
    ++fired;
    loop.retire(std::move(timer));
  });
  timer->start(0, 1);
  loop.run();  // drains: nothing is left
  EXPECT_EQ(fired, 1);
  EXPECT_EQ(timer, nullptr);
}

TEST(Loop, RunReturnsWhenNothingIsLeft) {
  Loop loop;
  loop.run();
  Timer timer(loop, [] {});
  timer.start(1);
  loop.run();
  EXPECT_FALSE(timer.active());
}

TEST(Loop, StopEndsRunWhileHandlesAreActive) {
  Loop loop;
  int fired = 0;
  Timer timer(loop, [&] {
    if (++fired == 3) loop.stop();
  });
  timer.start(0, 1);
  loop.run();
  EXPECT_EQ(fired, 3);
  EXPECT_TRUE(timer.active());
}

TEST(Loop, ItsEndRunsWhatIsStillDeferred) {
  int ran = 0;
  {
    Loop loop;
    loop.defer([&] {
      ++ran;
      loop.defer([&ran] { ++ran; });
      loop.stop();  // must not keep the end from coming to an end
    });
  }
  EXPECT_EQ(ran, 2);
}

TEST(Loop, ItsEndWaitsForJobsAndForWhatTheyDefer) {
  bool deferred = false;
  {
    Loop loop;
    run_off_loop(
        loop, [] {}, [&] { loop.defer([&deferred] { deferred = true; }); });
  }
  EXPECT_TRUE(deferred);
}

TEST(Loop, PreciseTimeMovesWithinATurn) {
  Loop loop;
  const std::uint64_t turn_began = loop.now_ms();
  const std::uint64_t began = loop.precise_now_ms();
  while (loop.precise_now_ms() < began + 2) {
  }
  EXPECT_EQ(loop.now_ms(), turn_began);
}

TEST(LoopDeathTest, ClosingWithAnIdleHandleEndsTheProcess) {
  EXPECT_DEATH(
      {
        auto loop = std::make_unique<Loop>();
        Timer timer(*loop, [] {});
        loop.reset();
      },
      "still has handles");
}

TEST(LoopDeathTest, ClosingWithAnActiveHandleEndsTheProcessInsteadOfWaiting) {
  EXPECT_DEATH(
      {
        auto loop = std::make_unique<Loop>();
        Timer timer(*loop, [] {});
        timer.start(1, 1);
        loop.reset();
      },
      "still has handles");
}

TEST(LoopDeathTest, AHandleMadeByATaskOfTheEndIsSeenAsWell) {
  EXPECT_DEATH(
      {
        auto loop = std::make_unique<Loop>();
        std::unique_ptr<Timer> timer;
        loop->defer([&timer, &whole = *loop] {
          timer = std::make_unique<Timer>(whole, [] {});
          timer->start(1, 1);
        });
        loop.reset();
      },
      "still has handles");
}

TEST(RunOffLoop, WorksOnAnotherThreadAndTellsOnThisOne) {
  Loop loop;
  const auto here = uv_thread_self();
  uv_thread_t worker{};
  uv_thread_t teller{};
  run_off_loop(
      loop, [&worker] { worker = uv_thread_self(); }, [&teller] { teller = uv_thread_self(); });
  loop.run();
  EXPECT_TRUE(uv_thread_equal(&teller, &here));
  EXPECT_FALSE(uv_thread_equal(&worker, &here));
}

TEST(RunOffLoop, TellsOfEveryJob) {
  Loop loop;
  int done = 0;
  for (int i = 0; i < 50; ++i)
    run_off_loop(
        loop, [] {}, [&done] { ++done; });
  loop.run();
  EXPECT_EQ(done, 50);
}

TEST(RunOffLoop, FreesWhatTheJobHolds) {
  Loop loop;
  auto held = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = held;
  run_off_loop(
      loop, [held] {}, [held] {});
  held.reset();
  EXPECT_FALSE(watch.expired());
  loop.run();
  EXPECT_TRUE(watch.expired());
}

}  // namespace
}  // namespace tunneld::loop
