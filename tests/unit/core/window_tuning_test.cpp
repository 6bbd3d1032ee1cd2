#include "core/window_tuning.h"

#include <gtest/gtest.h>

namespace tunneld {
namespace {

constexpr std::uint32_t kPlenty = 256U * 1024 * 1024;
constexpr std::uint64_t kRtt = 100'000;

WindowSample sample(std::uint32_t window, std::uint64_t elapsed_us) { return {window, elapsed_us, kRtt, kPlenty, false}; }

TEST(WindowTuning, DoublesWhileHalfAWindowComesWithinARoundTrip) {
  std::uint32_t window = kDefaultWindow;
  for (int step = 0; step < 3; ++step) {
    EXPECT_EQ(tuned_window(sample(window, kRtt * 3 / 2)), 2 * window);
    window *= 2;
  }
}

TEST(WindowTuning, StopsAtTheMaximum) {
  EXPECT_EQ(tuned_window(sample(10 * 1024 * 1024, 1)), kMaxWindow);
  EXPECT_EQ(tuned_window(sample(kMaxWindow, 1)), kMaxWindow);
}

TEST(WindowTuning, StaysWhereTheLinkIsTheLimit) {
  EXPECT_EQ(tuned_window(sample(kDefaultWindow, kRtt * 3 / 2 + 1)), kDefaultWindow);
}

TEST(WindowTuning, StaysWhileTheRoundTripIsUnknown) {
  EXPECT_EQ(tuned_window({kDefaultWindow, 1, 0, kPlenty, false}), kDefaultWindow);
}

TEST(WindowTuning, SpendsNoMoreThanIsSpare) {
  EXPECT_EQ(tuned_window({kDefaultWindow, 1, kRtt, 1000, false}), kDefaultWindow + 1000);
  EXPECT_EQ(tuned_window({kDefaultWindow, 1, kRtt, 0, false}), kDefaultWindow);
}

TEST(WindowTuning, HalvesForAConsumerThatDoesNotKeepUpDownToTheDefault) {
  EXPECT_EQ(tuned_window({kMaxWindow, 1, kRtt, kPlenty, true}), kMaxWindow / 2);
  EXPECT_EQ(tuned_window({kDefaultWindow + 1, 1, kRtt, kPlenty, true}), kDefaultWindow);
  EXPECT_EQ(tuned_window({kDefaultWindow, 1, kRtt, kPlenty, true}), kDefaultWindow);
}

}  // namespace
}  // namespace tunneld
