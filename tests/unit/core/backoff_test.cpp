#include "core/backoff.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

namespace tunneld {
namespace {

using std::chrono::minutes;

constexpr double kLeast = 0.0;
constexpr double kMost = 0x1.fffffffffffffp-1;  // the largest number below 1
constexpr long long kYearMs = 365LL * 24 * 60 * 60 * 1000;

std::function<double()> always(double value) {
  return [value] { return value; };
}

// min(initial * 2^n, max), counted so that nothing can overflow.
long long ceiling_ms(const Reconnect& reconnect, int n) {
  long long ceiling = std::max(1LL, static_cast<long long>(reconnect.initial_delay.count()));
  const long long limit = std::max(1LL, static_cast<long long>(reconnect.max_delay.count()));
  for (; n > 0 && ceiling <= limit / 2; --n) ceiling *= 2;
  return n > 0 ? limit : std::min(ceiling, limit);
}

TEST(Backoff, DoublesUpToTheCap) {
  Backoff backoff({Milliseconds{500}, Milliseconds{30'000}}, always(kMost));
  std::vector<long long> delays;
  for (int i = 0; i < 9; ++i) delays.push_back(backoff.next_delay().count());
  EXPECT_EQ(delays, (std::vector<long long>{500, 1000, 2000, 4000, 8000, 16'000, 30'000, 30'000, 30'000}));
}

TEST(Backoff, JitterTakesUpToHalfAway) {
  Backoff backoff({Milliseconds{500}, Milliseconds{30'000}}, always(kLeast));
  std::vector<long long> delays;
  for (int i = 0; i < 8; ++i) delays.push_back(backoff.next_delay().count());
  EXPECT_EQ(delays, (std::vector<long long>{250, 500, 1000, 2000, 4000, 8000, 15'000, 15'000}));
}

TEST(Backoff, UsesTheRandomnessItIsGivenOncePerDelay) {
  int asked = 0;
  Backoff backoff({Milliseconds{1000}, Milliseconds{1000}}, [&asked] {
    ++asked;
    return 0.5;
  });
  EXPECT_EQ(backoff.next_delay().count(), 750);
  EXPECT_EQ(backoff.next_delay().count(), 750);
  EXPECT_EQ(asked, 2);
}

TEST(Backoff, StaysWithinItsBoundsForEveryPairOfDelays) {
  const std::vector<long long> sizes = {
      -1,  0,      1,          2,           3,       5,         7,         499,
      500, 30'000, 86'400'000, kYearMs - 1, kYearMs, 1LL << 60, 1LL << 62, Milliseconds::max().count()};
  for (const long long initial : sizes)
    for (const long long max : sizes)
      for (const double random : {kLeast, 0.25, 0.5, kMost}) {
        const Reconnect reconnect{Milliseconds{initial}, Milliseconds{max}};
        Backoff backoff(reconnect, always(random));
        for (int n = 0; n < 70; ++n) {
          const long long ceiling = ceiling_ms(reconnect, n);
          const long long delay = backoff.next_delay().count();
          ASSERT_GE(delay, ceiling - ceiling / 2) << initial << " " << max << " " << random << " " << n;
          ASSERT_LE(delay, ceiling) << initial << " " << max << " " << random << " " << n;
        }
      }
}

TEST(Backoff, NeverGivesADelayOfNothing) {
  Backoff backoff({Milliseconds{0}, Milliseconds{0}}, always(kLeast));
  for (int i = 0; i < 5; ++i) EXPECT_EQ(backoff.next_delay().count(), 1);
}

TEST(Backoff, ResetBeginsAnew) {
  Backoff backoff({Milliseconds{500}, Milliseconds{30'000}}, always(kMost));
  for (int i = 0; i < 10; ++i) backoff.next_delay();
  backoff.reset();
  EXPECT_EQ(backoff.next_delay().count(), 500);
  EXPECT_EQ(backoff.next_delay().count(), 1000);
}

TEST(Backoff, SpreadsTheReturnOfManyOverHalfTheDelay) {
  std::mt19937_64 engine{20'261'123};
  std::uniform_real_distribution<double> unit(0.0, 1.0);
  Milliseconds earliest = Milliseconds::max();
  Milliseconds latest{0};
  for (int laptop = 0; laptop < 100; ++laptop) {
    Backoff backoff({Milliseconds{30'000}, Milliseconds{30'000}}, [&] { return unit(engine); });
    const Milliseconds delay = backoff.next_delay();
    earliest = std::min(earliest, delay);
    latest = std::max(latest, delay);
  }
  EXPECT_GT((latest - earliest).count(), 13'000);
}

// Dials made while a bastion is away for ten minutes of virtual time; each attempt fails at once, which is
// the worst.
int dials_in_ten_minutes(const std::function<double()>& random) {
  Backoff backoff(Reconnect{}, random);
  int dials = 0;
  for (Milliseconds now = backoff.next_delay(); now < minutes{10}; now += backoff.next_delay()) ++dials;
  return dials;
}

TEST(Backoff, ATenMinuteOutageCostsAFewDozenDials) {
  // By the contract, with 500 ms and 30 s: at full delays 31.5 s bring 6 dials, then one every 30 s; at half
  // of them 15.75 s, then one every 15 s.
  const int fewest = dials_in_ten_minutes(always(kMost));
  const int most = dials_in_ten_minutes(always(kLeast));
  std::mt19937_64 engine{20'261'123};
  std::uniform_real_distribution<double> unit(0.0, 1.0);
  const int typical = dials_in_ten_minutes([&] { return unit(engine); });
  RecordProperty("dials_fewest", fewest);
  RecordProperty("dials_most", most);
  RecordProperty("dials_typical", typical);
  EXPECT_EQ(fewest, 6 + 18);
  EXPECT_EQ(most, 6 + 38);
  EXPECT_GE(typical, fewest);
  EXPECT_LE(typical, most);
}

}  // namespace
}  // namespace tunneld
