#include <gtest/gtest.h>

#include "core/control/frame.h"

namespace tunneld::control {
namespace {

TEST(FrameSplitter, GivesEachLineWithoutItsEnd) {
  FrameSplitter splitter;
  splitter.feed("one\ntwo\nthr");
  EXPECT_EQ(splitter.next(), "one");
  EXPECT_EQ(splitter.next(), "two");
  EXPECT_EQ(splitter.next(), std::nullopt);
  EXPECT_TRUE(splitter.unfinished());
  splitter.feed("ee\n");
  EXPECT_EQ(splitter.next(), "three");
  EXPECT_FALSE(splitter.unfinished());
}

TEST(FrameSplitter, PutsAFrameTogetherFromSingleBytes) {
  FrameSplitter splitter;
  for (const char c : std::string("{\"id\":1}")) {
    splitter.feed(std::string_view(&c, 1));
    EXPECT_EQ(splitter.next(), std::nullopt);
  }
  splitter.feed("\n");
  EXPECT_EQ(splitter.next(), "{\"id\":1}");
}

TEST(FrameSplitter, AnEmptyLineIsAnEmptyFrame) {
  FrameSplitter splitter;
  splitter.feed("\n\n");
  EXPECT_EQ(splitter.next(), "");
  EXPECT_EQ(splitter.next(), "");
  EXPECT_EQ(splitter.next(), std::nullopt);
}

TEST(FrameSplitter, AFrameOfExactlyTheLimitPasses) {
  FrameSplitter splitter;
  splitter.feed(std::string(kMaxFrameBytes - 1, 'x') + "\n");
  const auto frame = splitter.next();
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->size(), kMaxFrameBytes - 1);
  EXPECT_FALSE(splitter.too_long());
}

TEST(FrameSplitter, OneByteOverTheLimitIsTooLong) {
  FrameSplitter splitter;
  splitter.feed(std::string(kMaxFrameBytes, 'x') + "\n");
  EXPECT_EQ(splitter.next(), std::nullopt);
  EXPECT_TRUE(splitter.too_long());
}

TEST(FrameSplitter, DoesNotWaitForTheEndOfAnEndlessFrame) {
  FrameSplitter splitter;
  splitter.feed(std::string(kMaxFrameBytes, 'x'));
  EXPECT_EQ(splitter.next(), std::nullopt);
  EXPECT_TRUE(splitter.too_long());
}

TEST(FrameSplitter, FramesBeforeAnOverlongOneAreStillGiven) {
  FrameSplitter splitter;
  splitter.feed("good\n" + std::string(kMaxFrameBytes + 1, 'x'));
  EXPECT_EQ(splitter.next(), "good");
  EXPECT_EQ(splitter.next(), std::nullopt);
  EXPECT_TRUE(splitter.too_long());
}

TEST(FrameSplitter, HearsNothingAfterAnOverlongFrame) {
  FrameSplitter splitter;
  splitter.feed(std::string(kMaxFrameBytes + 1, 'x'));
  EXPECT_EQ(splitter.next(), std::nullopt);
  splitter.feed("\ngood\n");
  EXPECT_EQ(splitter.next(), std::nullopt);
  EXPECT_TRUE(splitter.too_long());
}

}  // namespace
}  // namespace tunneld::control
