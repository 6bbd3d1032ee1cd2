#include "core/bulk_meter.h"

#include <gtest/gtest.h>

#include <deque>
#include <random>

namespace tunneld {
namespace {

constexpr std::uint64_t kStart = 86'400'000;  // a machine that has been up for a day

// Moves `bytes_per_ms` in each of `duration_ms` milliseconds; the time after the last.
std::uint64_t stream(BulkMeter& meter, std::uint64_t from_ms, std::uint64_t duration_ms,
                     std::uint64_t bytes_per_ms) {
  for (std::uint64_t ms = 0; ms < duration_ms; ++ms) meter.add_down(bytes_per_ms, from_ms + ms);
  return from_ms + duration_ms;
}

TEST(BulkMeter, NothingIsBulkBeforeAByteHasMoved) {
  const BulkMeter meter;
  EXPECT_FALSE(meter.bulk(0));
  EXPECT_FALSE(meter.bulk(kStart));
}

TEST(BulkMeter, AStreamIsBulkAsSoonAsItHasMovedEnough) {
  BulkMeter meter;
  meter.add_down(kBulkBytes - 1, kStart);
  EXPECT_FALSE(meter.bulk(kStart));
  meter.add_down(1, kStart + kBulkSpanMs - 1);
  EXPECT_TRUE(meter.bulk(kStart + kBulkSpanMs - 1));
}

TEST(BulkMeter, AsMuchInLongerThanASpanIsNotBulk) {
  BulkMeter meter;
  meter.add_down(kBulkBytes - 1, kStart);
  meter.add_down(1, kStart + kBulkSpanMs);
  EXPECT_FALSE(meter.bulk(kStart + kBulkSpanMs));
}

TEST(BulkMeter, AnInteractiveClientIsNeverBulkHoweverFastItIs) {
  BulkMeter meter;
  for (std::uint64_t ms = 0; ms < 20'000; ++ms) {
    meter.add_up(10'000, kStart + ms);
    ASSERT_FALSE(meter.bulk(kStart + ms)) << ms;
    meter.add_down(60'000, kStart + ms);
    ASSERT_FALSE(meter.bulk(kStart + ms)) << ms;
  }
}

TEST(BulkMeter, AnUploadIsBulkLikeADownload) {
  BulkMeter meter;
  meter.add_down(1000, kStart);
  meter.add_up(kBulkBytes + kOneSided * 1000 - 1, kStart);
  EXPECT_FALSE(meter.bulk(kStart));
  meter.add_up(1, kStart);
  EXPECT_TRUE(meter.bulk(kStart));
}

TEST(BulkMeter, AStreamJustAboveTheRateIsBulkWithoutABreak) {
  BulkMeter meter;
  const std::uint64_t per_ms = kBulkBytes / kBulkSpanMs + 1;
  std::uint64_t now = stream(meter, kStart, kBulkSpanMs, per_ms);
  for (int ms = 0; ms < 20'000; ++ms) {
    ASSERT_TRUE(meter.bulk(now)) << ms;
    meter.add_down(per_ms, now++);
  }
}

TEST(BulkMeter, AStreamThatGrowsOutOfATrickleIsBulkWithinTwoSpans) {
  const std::uint64_t per_ms = kBulkBytes / kBulkSpanMs + 1;
  for (std::uint64_t trickle_ms = 1; trickle_ms < 3 * kBulkSpanMs; trickle_ms += 7) {
    BulkMeter meter;
    std::uint64_t now = stream(meter, kStart, trickle_ms, 1);
    ASSERT_FALSE(meter.bulk(now)) << trickle_ms;
    now = stream(meter, now, 2 * kBulkSpanMs, per_ms);
    ASSERT_TRUE(meter.bulk(now - 1)) << trickle_ms;
  }
}

TEST(BulkMeter, StaysBulkUntilAWholeSpanHasPassedWithLess) {
  BulkMeter meter;
  meter.add_down(kBulkBytes, kStart);
  EXPECT_TRUE(meter.bulk(kStart + 2 * kBulkSpanMs - 1));
  EXPECT_FALSE(meter.bulk(kStart + 2 * kBulkSpanMs));
}

TEST(BulkMeter, AByteNowAndThenDoesNotKeepItBulk) {
  for (const std::uint64_t late_ms : {kBulkSpanMs, kBulkSpanMs + 1, 2 * kBulkSpanMs - 1}) {
    BulkMeter meter;
    meter.add_down(kBulkBytes, kStart);
    meter.add_down(1, kStart + late_ms);
    EXPECT_TRUE(meter.bulk(kStart + late_ms)) << late_ms;
    EXPECT_FALSE(meter.bulk(kStart + 2 * kBulkSpanMs)) << late_ms;
    meter.add_down(1, kStart + 2 * kBulkSpanMs);
    EXPECT_FALSE(meter.bulk(kStart + 2 * kBulkSpanMs)) << late_ms;
  }
}

TEST(BulkMeter, IsNotBulkLongAfterTheLastByteAndTheNextByteDoesNotMakeItSo) {
  BulkMeter meter;
  const std::uint64_t end = stream(meter, kStart, 5000, 100'000);
  EXPECT_TRUE(meter.bulk(end));
  EXPECT_FALSE(meter.bulk(end + 2 * kBulkSpanMs));
  EXPECT_FALSE(meter.bulk(end + 86'400'000));
  meter.add_down(1, end + 86'400'000);
  EXPECT_FALSE(meter.bulk(end + 86'400'000));
}

TEST(BulkMeter, AskingChangesNothing) {
  BulkMeter meter;
  meter.add_down(kBulkBytes - 1, kStart);
  EXPECT_FALSE(meter.bulk(kStart + 86'400'000));
  meter.add_down(1, kStart + 1);
  EXPECT_TRUE(meter.bulk(kStart + 1));
}

// Against the plain definition, a window that slides.
TEST(BulkMeter, IsNotBulkTwoSpansAfterAStretchOfASpanLastMovedEnough) {
  struct Packet {
    std::uint64_t at_ms, bytes;
  };
  for (unsigned seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937 engine{seed};
    BulkMeter meter;
    std::deque<Packet> window;
    std::uint64_t window_bytes = 0;
    std::uint64_t now = kStart;
    std::uint64_t last_bulk_ms = 0;
    for (int packet = 0; packet < 20'000; ++packet) {
      now += engine() % 50 == 0 ? engine() % 1500 : engine() % 16;
      window.push_back({now, engine() % 8192});
      window_bytes += window.back().bytes;
      meter.add_down(window.back().bytes, now);
      for (; now - window.front().at_ms >= kBulkSpanMs; window.pop_front())
        window_bytes -= window.front().bytes;
      if (window_bytes >= kBulkBytes) last_bulk_ms = now;
      const std::uint64_t asked_ms = now + engine() % 600;
      const bool may_be_bulk = asked_ms - last_bulk_ms < 2 * kBulkSpanMs;
      ASSERT_TRUE(may_be_bulk || !meter.bulk(asked_ms)) << "packet " << packet;
    }
    EXPECT_GT(last_bulk_ms, 0U);
  }
}

}  // namespace
}  // namespace tunneld
