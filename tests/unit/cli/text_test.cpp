#include "cli/text.h"

#include <gtest/gtest.h>

namespace tunneld::cli {
namespace {

using namespace std::chrono_literals;

TEST(DurationText, HasAtMostTwoUnits) {
  EXPECT_EQ(duration_text(-5ms), "0 ms");
  EXPECT_EQ(duration_text(41ms), "41 ms");
  EXPECT_EQ(duration_text(999ms), "999 ms");
  EXPECT_EQ(duration_text(3999ms), "3 s");
  EXPECT_EQ(duration_text(125s), "2 min 5 s");
  EXPECT_EQ(duration_text(2h), "2 h");
  EXPECT_EQ(duration_text(2h + 5min + 9s), "2 h 5 min");
  EXPECT_EQ(duration_text(76h), "3 d 4 h");
}

TEST(BytesText, PicksTheUnitThatReadsWell) {
  EXPECT_EQ(bytes_text(0), "0 B");
  EXPECT_EQ(bytes_text(1023), "1023 B");
  EXPECT_EQ(bytes_text(1024), "1.0 KiB");
  EXPECT_EQ(bytes_text(1024 * 1024 - 1), "1.0 MiB");
  EXPECT_EQ(bytes_text(std::int64_t{5} << 30), "5.0 GiB");
}

TEST(ParseTime, ReadsUtcWithAndWithoutAFraction) {
  const WallTime expected = std::chrono::sys_days(std::chrono::year(2026) / 11 / 23) + 6h;
  EXPECT_EQ(parse_time("2026-11-23T06:00:00Z"), expected);
  EXPECT_EQ(parse_time("2026-11-23T06:00:00.123Z"), expected + 123ms);
  EXPECT_EQ(parse_time("2026-11-23T06:00:00.1Z"), expected + 100ms);
}

TEST(ParseTime, RefusesWhatIsNone) {
  for (const char* text :
       {"", "Z", "2026-11-23", "2026-11-23T06:00:00", "2026-13-23T06:00:00Z", "2026-02-30T06:00:00Z",
        "2026-11-23 06:00:00Z", "2026-11-23T06:00:00.Z", "2026-11-23T06:00:00+1Z"})
    EXPECT_EQ(parse_time(text), std::nullopt) << text;
}

TEST(TableText, AlignsColumnsByCharactersNotBytes) {
  EXPECT_EQ(table_text({{"NAME", "STATE"}, {"größe", "up"}, {"b", ""}}), "NAME   STATE\ngröße  up\nb\n");
}

TEST(TableText, ARowOfOneCellWidensNoColumn) {
  EXPECT_EQ(table_text({{"A", "B"}, {"  a long remark"}, {"1", "2"}}), "A  B\n  a long remark\n1  2\n");
}

TEST(CutToWidth, NeverSplitsACharacter) {
  EXPECT_EQ(cut_to_width("größe", 3), "grö");
  EXPECT_EQ(cut_to_width("größe", 5), "größe");
  EXPECT_EQ(cut_to_width("größe", 99), "größe");
  EXPECT_EQ(cut_to_width("abc", 0), "");
}

TEST(ShortPath, IsRelativeToTheFolderOrToHome) {
  EXPECT_EQ(short_path("/srvs/profiles/a.yaml:3:4", "/srvs", "/home/a"), "profiles/a.yaml:3:4");
  EXPECT_EQ(short_path("/home/a/x.yaml", "/srvs", "/home/a"), "~/x.yaml");
  EXPECT_EQ(short_path("/srvshop/x", "/srvs", "/home/a"), "/srvshop/x");
  EXPECT_EQ(short_path("/etc/x", "/", "/"), "/etc/x");
}

TEST(Colored, IsPlainWhenColourIsOff) {
  EXPECT_EQ(colored("ok", Color::green, false), "ok");
  EXPECT_EQ(colored("ok", Color::green, true), "\x1b[32mok\x1b[0m");
  EXPECT_EQ(colored("", Color::green, true), "");
}

}  // namespace
}  // namespace tunneld::cli
