#include "core/duration.h"

#include <gtest/gtest.h>

namespace tunneld {
namespace {

TEST(Duration, TakesEveryUnitAndTheirSum) {
  const auto ms = [](std::string_view text) { return parse_duration(text).value().value().count(); };
  EXPECT_EQ(ms("500ms"), 500);
  EXPECT_EQ(ms("15s"), 15'000);
  EXPECT_EQ(ms("2m"), 120'000);
  EXPECT_EQ(ms("1h30m"), 5'400'000);
  EXPECT_EQ(ms("1h2m3s4ms"), 3'723'004);
  EXPECT_EQ(ms("0s"), 0);
  EXPECT_EQ(ms("8760h"), std::int64_t{8760} * 3'600'000);
}

TEST(Duration, NeverIsNoValue) {
  ASSERT_TRUE(parse_duration("never").has_value());
  EXPECT_FALSE(parse_duration("never")->has_value());
}

TEST(Duration, RefusesWhatIsNone) {
  for (const char* text : {"",      "15",         "s",     "-1s",  "+1s",
                           "1.5s",  "1 s",        "s15",   "1s1h", "1m1m",
                           "015s",  "1d",         "Never", "1h30", "9999999999999999999s",
                           "9000h", "8760h8760h", "15S",   "1s ",  " 1s"})
    EXPECT_FALSE(parse_duration(text).has_value()) << text;
}

TEST(Duration, NamesTheMissingUnit) {
  EXPECT_EQ(parse_duration("15").error().fix, "write 15s for seconds");
}

}  // namespace
}  // namespace tunneld
