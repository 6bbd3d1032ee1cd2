#include "cli/log_lines.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

namespace tunneld::cli {
namespace {

using namespace std::chrono_literals;
using Lines = std::vector<std::string>;

TEST(ParseLogLine, TakesTheLineApart) {
  const LogLine line = parse_log_line("2026-11-23T06:00:00.123Z info [prod-db] up -> lost (eof) [x]");
  EXPECT_EQ(line.time, "2026-11-23T06:00:00.123Z");
  EXPECT_EQ(line.level, "info");
  EXPECT_EQ(line.profile, "prod-db");
  EXPECT_EQ(line.text, "up -> lost (eof) [x]");
}

TEST(ParseLogLine, ADashIsNoProfile) {
  EXPECT_EQ(parse_log_line("2026-11-23T06:00:00.123Z warning [-] hello").profile, "");
  EXPECT_EQ(parse_log_line("2026-11-23T06:00:00.123Z warning [p]").text, "");
}

TEST(ParseLogLine, WhatIsNoLogLineIsTextAlone) {
  for (const char* raw :
       {"", "  at frame 3", "a b [c] d", "2026-11-23T06:00:00.123Z info no brackets", "x ["}) {
    const LogLine line = parse_log_line(raw);
    EXPECT_EQ(line.time, "") << raw;
    EXPECT_EQ(line.text, raw);
  }
}

TEST(LogFilter, KeepsOneProfileAndItsContinuations) {
  LogFilter filter("prod-db", "");
  EXPECT_FALSE(filter.wants(parse_log_line("stray")));
  EXPECT_TRUE(filter.wants(parse_log_line("2026-11-23T06:00:00.123Z info [prod-db] a")));
  EXPECT_TRUE(filter.wants(parse_log_line("  more of it")));
  EXPECT_FALSE(filter.wants(parse_log_line("2026-11-23T06:00:00.123Z info [prod-db-2] b")));
  EXPECT_FALSE(filter.wants(parse_log_line("  more of that")));
}

TEST(LogFilter, KeepsWhatIsYoungEnough) {
  LogFilter filter("", log_time(std::chrono::sys_days(std::chrono::year(2026) / 11 / 23) + 6h + 123ms));
  EXPECT_FALSE(filter.wants(parse_log_line("2026-11-23T06:00:00.122Z info [-] a")));
  EXPECT_TRUE(filter.wants(parse_log_line("2026-11-23T06:00:00.123Z info [-] b")));
}

TEST(LogTime, IsTheFormOfTheLog) {
  EXPECT_EQ(log_time(std::chrono::sys_days(std::chrono::year(2026) / 1 / 2) + 3h + 4min + 5s + 6ms),
            "2026-01-02T03:04:05.006Z");
}

TEST(LogLineText, GivesTheLineBackWithoutControlCharacters) {
  EXPECT_EQ(log_line_text(parse_log_line("2026-11-23T06:00:00.123Z info [-] a\x1b[2Jb"), false),
            "2026-11-23T06:00:00.123Z info [-] a[2Jb\n");
  EXPECT_EQ(log_line_text(parse_log_line("2026-11-23T06:00:00.123Z error [p] x"), true),
            "2026-11-23T06:00:00.123Z \x1b[31merror\x1b[0m [p] x\n");
}

TEST(LogLineJson, HasNullForWhatIsNotThere) {
  EXPECT_EQ(log_line_json(parse_log_line("2026-11-23T06:00:00.123Z info [-] a")),
            control::Json::parse(
                R"({"time": "2026-11-23T06:00:00.123Z", "level": "info", "profile": null, "text": "a"})"));
}

TEST(RotatedLog, StandsNextToTheLog) {
  EXPECT_EQ(rotated_log("/s/tunneld/tunneld.log"), "/s/tunneld/tunneld.1.log");
}

class LogReaderTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string folder = testing::TempDir() + "log-reader-XXXXXX";
    ASSERT_NE(::mkdtemp(folder.data()), nullptr);
    folder_ = folder;
    path_ = folder + "/tunneld.log";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  void append(const std::string& text) const { std::ofstream(path_, std::ios::app) << text; }
  void rotate() const { ASSERT_EQ(std::rename(path_.c_str(), rotated_log(path_).c_str()), 0); }

  std::string folder_;
  std::string path_;
};

TEST_F(LogReaderTest, WaitsForAFileThatDoesNotExistYet) {
  LogReader reader(path_);
  EXPECT_EQ(reader.read_new(), Lines{});
  append("a\n");
  EXPECT_EQ(reader.read_new(), Lines{"a"});
  EXPECT_EQ(reader.read_new(), Lines{});
}

TEST_F(LogReaderTest, GivesWholeLinesOnly) {
  LogReader reader(path_);
  append("a\nhal");
  EXPECT_EQ(reader.read_new(), Lines{"a"});
  append("f\n");
  EXPECT_EQ(reader.read_new(), Lines{"half"});
}

TEST_F(LogReaderTest, LosesNothingWhenTheLogIsRotated) {
  LogReader reader(path_);
  append("a\n");
  EXPECT_EQ(reader.read_new(), Lines{"a"});
  append("b\n");
  rotate();
  append("c\n");
  EXPECT_EQ(reader.read_new(), (Lines{"b", "c"}));
}

TEST_F(LogReaderTest, KeepsTheRenamedFileUntilANewOneIsThere) {
  LogReader reader(path_);
  append("a\n");
  EXPECT_EQ(reader.read_new(), Lines{"a"});
  rotate();
  EXPECT_EQ(reader.read_new(), Lines{});
  append("b\n");
  EXPECT_EQ(reader.read_new(), Lines{"b"});
}

TEST_F(LogReaderTest, StartsAgainWhenTheFileWasTruncated) {
  LogReader reader(path_);
  append("a long first line\n");
  EXPECT_EQ(reader.read_new(), Lines{"a long first line"});
  std::filesystem::resize_file(path_, 0);
  append("b\n");
  EXPECT_EQ(reader.read_new(), Lines{"b"});
}

}  // namespace
}  // namespace tunneld::cli
