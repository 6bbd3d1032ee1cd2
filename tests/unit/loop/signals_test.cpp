#include "loop/signals.h"

#include <gtest/gtest.h>

#include <csignal>
#include <memory>

#include "unit/support/turns.h"

namespace tunneld::loop {
namespace {

using testing::run_until;
using testing::turn;

TEST(SignalWatch, TellsOfItsSignalEachTime) {
  Loop loop;
  int seen = 0;
  const SignalWatch watch(loop, SIGUSR1, [&seen] { ++seen; });
  ::raise(SIGUSR1);
  ASSERT_TRUE(run_until(loop, [&seen] { return seen == 1; }));
  ::raise(SIGUSR1);
  EXPECT_TRUE(run_until(loop, [&seen] { return seen == 2; }));
}

TEST(SignalWatch, TellsOfNoOtherSignal) {
  Loop loop;
  int first = 0;
  int second = 0;
  const SignalWatch watch_first(loop, SIGUSR1, [&first] { ++first; });
  const SignalWatch watch_second(loop, SIGUSR2, [&second] { ++second; });
  ::raise(SIGUSR2);
  ASSERT_TRUE(run_until(loop, [&second] { return second == 1; }));
  turn(loop);
  EXPECT_EQ(first, 0);
}

TEST(SignalWatch, TellsEveryWatchOfASignal) {
  Loop loop;
  int seen = 0;
  const SignalWatch one(loop, SIGUSR1, [&seen] { seen += 1; });
  const SignalWatch other(loop, SIGUSR1, [&seen] { seen += 10; });
  ::raise(SIGUSR1);
  EXPECT_TRUE(run_until(loop, [&seen] { return seen == 11; }));
}

TEST(SignalWatch, DestroyedTellsNothing) {
  Loop loop;
  int seen = 0;
  const SignalWatch kept(loop, SIGUSR1, [&seen] { ++seen; });  // else the signal would end this process
  auto gone = std::make_unique<SignalWatch>(loop, SIGUSR1, [] { FAIL(); });
  gone.reset();
  ::raise(SIGUSR1);
  ASSERT_TRUE(run_until(loop, [&seen] { return seen == 1; }));
  turn(loop);
}

}  // namespace
}  // namespace tunneld::loop
