#include "cli/findings.h"

#include <gtest/gtest.h>

namespace tunneld::cli {
namespace {

using control::Json;

config::Finding finding() {
  return {.position = {.file = "/srvs/profiles/a,b.yaml", .line = 3, .column = 7},
          .warning = false,
          .code = ErrorCode::profile_invalid,
          .message = "unknown key \"hopps\": 100%",
          .fix = "write hops",
          .line = "    hopps: [a]",
          .width = 5};
}

TEST(FindingsJson, HasOneObjectAFinding) {
  EXPECT_EQ(findings_json({finding()}),
            Json::parse(R"({"schema": 1, "findings": [{"file": "/srvs/profiles/a,b.yaml",
    "line": 3, "column": 7, "severity": "error", "code": "E-PROFILE-INVALID",
    "message": "unknown key \"hopps\": 100%",
    "fix": "write hops"}]})"));
  EXPECT_EQ(findings_json({}), Json::parse(R"({"schema": 1, "findings": []})"));
}

TEST(FindingsJson, AFindingOfAWholeFileHasNoLine) {
  config::Finding whole = finding();
  whole.position.line = 0;
  whole.warning = true;
  const Json json = findings_json({whole});
  EXPECT_TRUE(json["findings"][0]["line"].is_null());
  EXPECT_TRUE(json["findings"][0]["column"].is_null());
  EXPECT_EQ(json["findings"][0]["severity"], "warning");
}

TEST(FindingGithub, EscapesAsTheRunnerReads) {
  EXPECT_EQ(
      finding_github(finding(), "/srvs"),
      "::error file=profiles/a%2Cb.yaml,line=3,col=7::unknown key \"hopps\": 100%25%0Afix: write hops\n");
}

TEST(FindingGithub, AWarningIsOneAndAMessageCannotBreakOut) {
  config::Finding warning = finding();
  warning.warning = true;
  warning.position = {.file = "/x:y", .line = 0, .column = 0};
  warning.message = "a\r\n::error::b";
  warning.fix.clear();
  EXPECT_EQ(finding_github(warning, "/srvs"), "::warning file=/x%3Ay::a%0D%0A::error::b\n");
}

TEST(FindingText, HasAShortPathAndNoControlCharacters) {
  config::Finding hostile = finding();
  hostile.line = "    hopps: \x1b[2J";
  const std::string text = finding_text(hostile, "/srvs");
  EXPECT_TRUE(text.starts_with("profiles/a,b.yaml:3:7")) << text;
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
}

TEST(SummaryText, CountsFilesProfilesAndMistakes) {
  config::LoadResult loaded;
  loaded.files = {"a", "b"};
  loaded.catalog.profiles["p"] = Profile{};
  EXPECT_EQ(summary_text(loaded), "2 files, 1 profile: no mistakes");
  loaded.findings = {finding(), finding()};
  loaded.findings[1].warning = true;
  EXPECT_EQ(summary_text(loaded), "2 files, 1 profile: 1 mistake, 1 warning");
}

}  // namespace
}  // namespace tunneld::cli
