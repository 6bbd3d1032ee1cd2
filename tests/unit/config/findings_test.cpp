// Many mistakes at once, and how a finding looks.
#include "profile_folder.h"

namespace tunneld::config {
namespace {

TEST(Findings, TwelveMistakesAreTwelveFindings) {
  const ProfileFolder folder;
  folder.write("p.yaml",
               "version: 1\n"
               "defaults: {user: \"é\", connect_timeout: 10}\n"
               "hosts:\n"
               "  gate: {hostname: \"zürich.example.com\", prot: 22}\n"
               "  db: {hostname: \"-é\", user: \"größe\", port: 0123, port: 22}\n"
               "profiles:\n"
               "  p:\n"
               "    description: \"日本\" # 日本\n"
               "    tags: [\"ok\", \"日本\"]\n"
               "    hops: [gate, db, gaet]\n"
               "    forwards:\n"
               "      a: {app: \"é\", listen: \"127.0.0.1:5432\", connect: \"x:1\"}\n"
               "      b: {connect: \"ü.example.com:1\", listen: \"localhost:5432\"}\n"
               "      c: {type: \"local\", connect: \"ü:99999\", listen: \"x:1\"}\n"
               "    access: [\"jürgen\", \"a b\"]\n"
               "groups: {\"gr\": [\"p\", \"ä\"]}\n");
  const LoadResult result = folder.load({"p.yaml"});
  const std::vector<std::pair<int, int>> expected{{2, 40},  {4, 42},  {5, 18},  {5, 45},  {5, 51},  {9, 18},
                                                  {10, 22}, {12, 16}, {13, 47}, {14, 35}, {15, 24}, {16, 22}};
  std::vector<std::pair<int, int>> places;
  for (const Finding& finding : result.findings)
    places.emplace_back(finding.position.line, finding.position.column);
  EXPECT_EQ(places, expected) << rendered(result);
  EXPECT_TRUE(result.catalog.profiles.empty());
  EXPECT_EQ(result.left_out, std::set<std::string>({"p"}));
}

TEST(Findings, EveryFileIsReadThoughOneIsBroken) {
  const ProfileFolder folder;
  folder.write("a.yaml", "version: 1\nhosts: [\n");
  folder.write("b.yaml",
               "version: 1\nprofiles: {good: {hops: [x.example.com]}, bad: {hosp: [x.example.com]}}\n");
  folder.write("c.yml", "nonsense\n");
  folder.write("ignored.txt", "nonsense\n");
  const LoadResult result = folder.load({"", "missing.yaml"});
  ASSERT_EQ(result.findings.size(), 4U) << rendered(result);
  EXPECT_EQ(result.findings[0].position.file, folder.path("a.yaml"));
  EXPECT_EQ(result.findings[1].position, (SourcePosition{folder.path("b.yaml"), 2, 49}));
  EXPECT_EQ(result.findings[2].position.file, folder.path("c.yml"));
  EXPECT_EQ(result.findings[3].position, (SourcePosition{folder.path("missing.yaml"), 0, 0}));
  EXPECT_TRUE(result.catalog.profiles.contains("good"));
  EXPECT_FALSE(result.catalog.profiles.contains("bad"));
  EXPECT_EQ(result.files.size(), 3U);
}

TEST(Findings, AnAliasRepeatsNoFinding) {
  expect_only("version: 1\nhosts:\n  a: &a {prot: 1}\n  b: *a\n  c: *a\n", 3, 10, "no key `prot`");
}

TEST(Findings, ThereAreAtMostAThousandAndOne) {
  std::string text = "version: 1\n";
  for (int i = 0; i < 5'000; ++i) text += "zzz" + std::to_string(i) + ": 1\n";
  EXPECT_EQ(load_text(text).findings.size(), 1'001U);
}

Finding finding_of(const std::string& line, int column, int width) {
  return {
      {"p.yaml", 3, column}, false, ErrorCode::profile_invalid, "what is wrong", "what to do", line, width};
}

TEST(RenderFinding, LooksLikeACompilers) {
  EXPECT_EQ(render_finding(finding_of("  h: {prot: 22}", 7, 4)),
            "p.yaml:3:7: error: what is wrong\n"
            "  h: {prot: 22}\n"
            "      ^~~~\n"
            "fix: what to do\n");
}

TEST(RenderFinding, WarningsAndBareFiles) {
  Finding finding{{"/x/p.yaml", 0, 0}, true, ErrorCode::profile_invalid, "cannot be read", "", "", 1};
  EXPECT_EQ(render_finding(finding), "/x/p.yaml: warning: cannot be read\n");
}

TEST(RenderFinding, TabsWideAndCombiningCharactersKeepTheCaretInPlace) {
  EXPECT_EQ(render_finding(finding_of("\ta: b", 5, 1)),
            "p.yaml:3:5: error: what is wrong\n\ta: b\n\t   ^\nfix: what to do\n");
  EXPECT_EQ(render_finding(finding_of("日本: xy", 5, 2)),
            "p.yaml:3:5: error: what is wrong\n日本: xy\n      ^~\nfix: what to do\n");
  EXPECT_EQ(render_finding(finding_of("x: 日本 #", 4, 2)),
            "p.yaml:3:4: error: what is wrong\nx: 日本 #\n   ^~~~\nfix: what to do\n");
  EXPECT_EQ(render_finding(finding_of("e\xCC\x81: x", 5, 1)),
            "p.yaml:3:5: error: what is wrong\ne\xCC\x81: x\n   ^\nfix: what to do\n");
}

TEST(RenderFinding, PastTheEndAndTooWide) {
  EXPECT_EQ(render_finding(finding_of("a: [", 5, 1)),
            "p.yaml:3:5: error: what is wrong\na: [\n    ^\nfix: what to do\n");
  EXPECT_EQ(render_finding(finding_of("a: bc", 4, 90)),
            "p.yaml:3:4: error: what is wrong\na: bc\n   ^~\nfix: what to do\n");
}

TEST(RenderFinding, LongLinesAreCutRoundTheCaret) {
  const std::string text =
      render_finding(finding_of(std::string(500, 'x') + "HERE" + std::string(500, 'y'), 501, 4));
  EXPECT_LT(text.size(), 400U);
  EXPECT_NE(text.find("...xxx"), std::string::npos);
  EXPECT_NE(text.find("xHEREy"), std::string::npos);
  EXPECT_NE(text.find("\n" + std::string(83, ' ') + "^~~~\n"), std::string::npos) << text;
}

TEST(RenderFinding, ForeignTextCannotDriveTheTerminal) {
  Finding finding = finding_of("", 1, 1);
  finding.position.file = "a\x1b[31m.yaml";
  finding.message = "bad\x07\nword";
  EXPECT_EQ(render_finding(finding).find_first_of("\x1b\x07"), std::string::npos);
}

}  // namespace
}  // namespace tunneld::config
