#include "trust/known_hosts.h"

#include <gtest/gtest.h>

#include "unit/trust/fixtures.h"

namespace tunneld::trust {
namespace {

using namespace testing;

std::vector<int> lines(const KnownHosts& hosts, const std::string& name, NameKind kind = NameKind::plain) {
  std::vector<int> numbers;
  for (const KnownKey* key : hosts.find(name, kind))
    if (key->damage.empty()) numbers.push_back(key->line);
  return numbers;
}

std::vector<int> damaged_lines(const KnownHosts& hosts, const std::string& name) {
  std::vector<int> numbers;
  for (const KnownKey* key : hosts.find(name, NameKind::plain))
    if (!key->damage.empty()) numbers.push_back(key->line);
  return numbers;
}

using Lines = std::vector<int>;

TEST(KnownHosts, FindsAKeyByEachNameOfAList) {
  const KnownHosts hosts = KnownHosts::parse(line_for("a.example,192.0.2.1,[c.example]:2222,fe80::1", kKeyA));
  for (const char* name : {"a.example", "192.0.2.1", "[c.example]:2222", "fe80::1"})
    EXPECT_EQ(lines(hosts, name), Lines{1}) << name;
  for (const char* name : {"", "b.example", "c.example", "a.example,192.0.2.1", "[c.example]:22"})
    EXPECT_EQ(lines(hosts, name), Lines{}) << name;
  const auto found = hosts.find("a.example", NameKind::plain);
  EXPECT_EQ(found[0]->type, kKeyA.type);
  EXPECT_EQ(found[0]->blob_base64, kKeyA.blob_base64);
  EXPECT_EQ(found[0]->marker, Marker::none);
}

TEST(KnownHosts, GivesALineOnceThoughItNamesTheHostTwice) {
  EXPECT_EQ(lines(KnownHosts::parse(line_for("a,a,A", kKeyA)), "a"), Lines{1});
}

TEST(KnownHosts, CaseOfHostNamesDoesNotMatter) {
  const KnownHosts hosts =
      KnownHosts::parse(line_for("Bastion.Corp.COM", kKeyA) + line_for("*.EXAMPLE", kKeyB));
  EXPECT_EQ(lines(hosts, "bastion.corp.com"), Lines{1});
  EXPECT_EQ(lines(hosts, "BASTION.corp.com"), Lines{1});
  EXPECT_EQ(lines(hosts, "a.Example"), Lines{2});
}

TEST(KnownHosts, TabsAndBlanksSeparateAlike) {
  const std::string key = kKeyA.type + "\t \t" + kKeyA.blob_base64;
  const KnownHosts hosts =
      KnownHosts::parse(" \ta\t" + key + "\tcomment with words\n@revoked\tb \t" + key + "  \n");
  EXPECT_EQ(lines(hosts, "a"), Lines{1});
  EXPECT_EQ(lines(hosts, "b"), Lines{2});
  EXPECT_EQ(hosts.skipped_count(), 0U);
}

TEST(KnownHosts, CommentsAndEmptyLinesSayNothing) {
  const KnownHosts hosts =
      KnownHosts::parse("\n# a " + kKeyA.type + "\n  # b\n \t \n\r\n" + line_for("#c", kKeyA));
  EXPECT_EQ(hosts.size(), 0U);
  EXPECT_EQ(hosts.skipped_count(), 0U);
}

TEST(KnownHosts, LinesMayEndInCrlfOrNotAtAll) {
  const std::string key = " " + kKeyA.type + " " + kKeyA.blob_base64;
  const KnownHosts hosts = KnownHosts::parse("a" + key + "\r\nb" + key + "\r\nc" + key);
  EXPECT_EQ(lines(hosts, "a"), Lines{1});
  EXPECT_EQ(lines(hosts, "b"), Lines{2});
  EXPECT_EQ(lines(hosts, "c"), Lines{3});
  EXPECT_EQ(hosts.find("a", NameKind::plain)[0]->blob_base64, kKeyA.blob_base64);
}

TEST(KnownHosts, WildcardsAndNegationsCount) {
  const KnownHosts hosts = KnownHosts::parse(line_for("*.example,!secret.example,h?st,[*]:2222", kKeyA) +
                                             line_for("!out,*ut", kKeyB) + line_for("!lonely", kKeyB));
  EXPECT_EQ(lines(hosts, "a.example"), Lines{1});
  EXPECT_EQ(lines(hosts, "a.b.example"), Lines{1});
  EXPECT_EQ(lines(hosts, "host"), Lines{1});
  EXPECT_EQ(lines(hosts, "[10.0.0.1]:2222"), Lines{1});
  EXPECT_EQ(lines(hosts, "but"), Lines{2});
  for (const char* name :
       {"secret.example", "example", "hst", "hoost", "[10.0.0.1]:22", "out", "lonely", "other"})
    EXPECT_EQ(lines(hosts, name), Lines{}) << name;
}

TEST(KnownHosts, MarkersAreKeptApart) {
  const KnownHosts hosts = KnownHosts::parse("@revoked " + line_for("a", kKeyA) + "@cert-authority " +
                                             line_for("a", kKeyA) + line_for("a", kKeyA));
  const auto found = hosts.find("a", NameKind::plain);
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0]->marker, Marker::revoked);
  EXPECT_EQ(found[1]->marker, Marker::cert_authority);
  EXPECT_EQ(found[2]->marker, Marker::none);
}

TEST(KnownHosts, ALineThatCannotBeParsedLeavesTheOthersAlone) {
  const std::string blob = kKeyA.blob_base64;
  const std::string bad[] = {
      "a",
      "a ssh-ed25519",
      "a ssh-ed25519 !!!!",
      "a ssh-ed25519 " + blob.substr(0, blob.size() - 4),
      "a ssh-ed25519 " + blob.substr(0, blob.size() - 1),
      "a ssh-rsa " + blob,
      "a 1024 35 1234567890",
      "@unknown a ssh-ed25519 " + blob,
      "@revoked @revoked a ssh-ed25519 " + blob,
      "@revoked",
      "|1|short|hash ssh-ed25519 " + blob,
      "|2|AAAAAAAAAAAAAAAAAAAAAAAAAAA=|AAAAAAAAAAAAAAAAAAAAAAAAAAA= ssh-ed25519 " + blob,
      "|1|AAAAAAAAAAAAAAAAAAAAAAAAAAA= ssh-ed25519 " + blob,
      std::string("a\0 ssh-ed25519", 14),
      "\xff\xfe\x80 garbage",
  };
  std::string text;
  for (const std::string& line : bad) text += line + "\n" + line_for("good", kKeyB);
  const KnownHosts hosts = KnownHosts::parse(text);
  EXPECT_EQ(hosts.skipped_count(), std::size(bad));
  EXPECT_EQ(lines(hosts, "good").size(), std::size(bad));
  EXPECT_EQ(lines(hosts, "a"), Lines{});
  for (const SkippedLine& skipped : hosts.skipped()) {
    EXPECT_EQ(skipped.line % 2, 1);
    EXPECT_FALSE(skipped.reason.empty());
  }
}

TEST(KnownHosts, ALineOfAnyLengthCounts) {
  std::string names;
  for (int i = 0; i < 10'000; ++i) names += "[host" + std::to_string(i) + ".example.com]:2222,";
  const KnownHosts hosts = KnownHosts::parse("@revoked " + line_for(names + "bastion", kKeyA));
  EXPECT_EQ(hosts.skipped_count(), 0U);
  const auto found = hosts.find("bastion", NameKind::plain);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0]->marker, Marker::revoked);
}

TEST(KnownHosts, ALineEndsAtANulAsForSsh) {
  std::string line = "@revoked bastion " + kKeyA.type + " " + kKeyA.blob_base64;
  line += std::string("\0junk\n", 6);
  EXPECT_EQ(lines(KnownHosts::parse(line + line_for("bastion", kKeyB)), "bastion"), (Lines{1, 2}));
  line.insert(line.find('\0'), "\r");
  EXPECT_EQ(KnownHosts::parse(line).skipped_count(), 0U);
}

TEST(KnownHosts, WhiteSpaceThatSshSkipsInAKeyIsSkipped) {
  std::string blob = kKeyA.blob_base64;
  blob.insert(blob.size() / 2, "\f\v\r");
  const KnownHosts hosts = KnownHosts::parse("a ssh-ed25519 " + blob + "\r \n");
  ASSERT_EQ(lines(hosts, "a"), Lines{1});
  EXPECT_EQ(hosts.find("a", NameKind::plain)[0]->blob_base64, kKeyA.blob_base64);
}

TEST(KnownHosts, AnRsaKeyMayBeNamedAfterItsSignatureAsForSsh) {
  const HostKey rsa = make_key('r', "ssh-rsa");
  const KnownHosts hosts =
      KnownHosts::parse("a rsa-sha2-512 " + rsa.blob_base64 + "\na rsa-sha2-512 " + kKeyA.blob_base64 + "\n");
  ASSERT_EQ(lines(hosts, "a"), Lines{1});
  EXPECT_EQ(hosts.find("a", NameKind::plain)[0]->type, "ssh-rsa");
}

TEST(KnownHosts, ADamagedLineIsFoundUnderItsNames) {
  const KnownHosts hosts = KnownHosts::parse("a ssh-ed25519 AAAA!\nb ssh-rsa " + kKeyA.blob_base64 + "\n");
  EXPECT_EQ(damaged_lines(hosts, "a"), Lines{1});
  EXPECT_EQ(damaged_lines(hosts, "b"), Lines{2});
  EXPECT_EQ(damaged_lines(hosts, "c"), Lines{});
  EXPECT_EQ(hosts.find("a", NameKind::plain)[0]->marker, Marker::unreadable);
}

TEST(KnownHosts, ADamagedLineThatDoesNotTellItsNamesIsFoundUnderEveryName) {
  const KnownHosts hosts = KnownHosts::parse("|1|short|hash " + kKeyA.type + " " + kKeyA.blob_base64 + "\n@unknown\n");
  EXPECT_EQ(damaged_lines(hosts, "whoever"), (Lines{1, 2}));
}

TEST(KnownHosts, VeryManyDamagedLinesPutEveryNameInDoubt) {
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += "x" + std::to_string(i) + "\n";
  const KnownHosts hosts = KnownHosts::parse(text);
  EXPECT_EQ(damaged_lines(hosts, "whoever").size(), 1U);
  EXPECT_LT(hosts.size(), 10'000U);
}

TEST(KnownHosts, RemembersOnlyTheFirstSkippedLines) {
  std::string text;
  for (std::size_t i = 0; i < 10 * KnownHosts::kMaxSkippedKept; ++i) text += "bad\n";
  const KnownHosts hosts = KnownHosts::parse(text);
  EXPECT_EQ(hosts.skipped_count(), 10 * KnownHosts::kMaxSkippedKept);
  EXPECT_EQ(hosts.skipped().size(), KnownHosts::kMaxSkippedKept);
}

TEST(KnownHosts, NamesHashedBySshKeygenAreFound) {
  const TempDir dir;
  const std::string file = dir / "known_hosts";
  write_file(file, line_for("Bastion.corp.com,192.0.2.1", kKeyA) + line_for("[10.0.0.1]:2222", kKeyB) +
                       line_for("bastion/10.0.5.12", kKeyA) + "@revoked " + line_for("old", kKeyB));
  ASSERT_EQ(run("ssh-keygen -H -f " + file), 0);
  const std::string text = read_file(file);
  ASSERT_EQ(text.find("192.0.2.1"), std::string::npos);
  const KnownHosts hosts = KnownHosts::parse(text);
  EXPECT_EQ(hosts.skipped_count(), 0U);
  for (const char* name : {"bastion.corp.com", "BASTION.corp.com", "192.0.2.1"}) {
    const auto found = hosts.find(name, NameKind::plain);
    ASSERT_EQ(found.size(), 1U) << name;
    EXPECT_EQ(hosts.find(name, NameKind::plain), found) << "the second time";
    EXPECT_EQ(found[0]->blob_base64, kKeyA.blob_base64);
  }
  EXPECT_EQ(lines(hosts, "[10.0.0.1]:2222").size(), 1U);
  EXPECT_EQ(lines(hosts, "bastion/10.0.5.12", NameKind::scoped).size(), 1U);
  ASSERT_EQ(lines(hosts, "old").size(), 1U);
  EXPECT_EQ(hosts.find("old", NameKind::plain)[0]->marker, Marker::revoked);
  for (const char* name : {"10.0.0.1", "[10.0.0.1]:22", "bastion", "10.0.5.12"})
    EXPECT_EQ(lines(hosts, name), Lines{});
}

TEST(KnownHosts, OnlyPatternsWithASlashSpeakOfPaths) {
  const KnownHosts hosts =
      KnownHosts::parse(line_for("*", kKeyA) + line_for("*.5.12", kKeyA) + line_for("edge/10.0.*", kKeyB) +
                        line_for("edge/10.0.5.12", kKeyB) + line_for("*/10.0.5.12,!edge/*", kKeyA));
  EXPECT_EQ(lines(hosts, "edge/10.0.5.12", NameKind::scoped), (Lines{3, 4}));
  EXPECT_EQ(lines(hosts, "other/10.0.5.12", NameKind::scoped), Lines{5});
  EXPECT_EQ(lines(hosts, "10.0.5.12"), (Lines{1, 2}));
}

TEST(KnownHosts, FindsWhatSshKeygenFinds) {
  const TempDir dir;
  const std::string file = dir / "known_hosts";
  write_file(file, line_for("a.example,*.b.example,!x.b.example,[c.example]:2222", kKeyA) +
                       line_for("h?st", kKeyB) + "broken line\n" + line_for("!q*,*q*", kKeyB) +
                       line_for("CAPS", kKeyA));
  const KnownHosts hosts = KnownHosts::parse(read_file(file));
  for (const char* name :
       {"a.example", "b.example", "q.b.example", "x.b.example", "c.example", "[c.example]:2222", "host",
        "hoost", "broken", "qa", "aq", "caps", "Caps", "nothing"})
    EXPECT_EQ(!lines(hosts, name).empty(), run("ssh-keygen -F '" + std::string(name) + "' -f " + file) == 0)
        << name;
}

TEST(Pattern, StarsAndQuestionMarks) {
  EXPECT_TRUE(matches_pattern("", ""));
  EXPECT_TRUE(matches_pattern("", "**"));
  EXPECT_TRUE(matches_pattern("abc", "a*c"));
  EXPECT_TRUE(matches_pattern("abcabc", "*abc"));
  EXPECT_TRUE(matches_pattern("abc", "???"));
  EXPECT_TRUE(matches_pattern("abc", "*?"));
  EXPECT_FALSE(matches_pattern("", "?"));
  EXPECT_FALSE(matches_pattern("abc", "ab"));
  EXPECT_FALSE(matches_pattern("abc", "abc?"));
  EXPECT_FALSE(matches_pattern("abc", "b*"));
}

TEST(Pattern, ManyStarsTakeNoExponentialTime) {
  std::string pattern;
  for (int i = 0; i < 1000; ++i) pattern += "*a";
  EXPECT_FALSE(matches_pattern(std::string(4000, 'a'), pattern + "b"));
  EXPECT_TRUE(matches_pattern(std::string(4000, 'a'), pattern));
}

}  // namespace
}  // namespace tunneld::trust
