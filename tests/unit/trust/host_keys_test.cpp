#include "trust/host_keys.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "unit/trust/fixtures.h"

namespace tunneld::trust {
namespace {

using namespace testing;
using Status = HostKeyStatus;

const HostKey kEcdsa = make_key('e', "ecdsa-sha2-nistp256");

HostKeyQuery first_hop(const std::string& host, std::uint16_t port = 22) {
  return {host, port, "", {}, {}};
}
HostKeyQuery behind(std::vector<std::string> path, const std::string& host, std::uint16_t port = 22) {
  return {host, port, "", std::move(path), {}};
}

class HostKeysTest : public ::testing::Test {
 protected:
  std::string own() const { return dir_ / "state/known_hosts"; }
  std::string user() const { return dir_ / ".ssh/known_hosts"; }
  std::string user2() const { return dir_ / ".ssh/known_hosts2"; }
  std::string machine() const { return dir_ / "etc/ssh_known_hosts"; }

  Status status(const HostKeyQuery& query, const HostKey& key) { return keys_.check(query, key).status; }

  TempDir dir_;
  HostKeys keys_{{own(), {user(), user2()}, {machine()}}};
};

TEST_F(HostKeysTest, NothingKnownIsUnknownUnderItsName) {
  const HostKeyVerdict verdict = keys_.check(first_hop("Bastion.Corp.com"), kKeyA);
  EXPECT_EQ(verdict.status, Status::unknown);
  EXPECT_EQ(verdict.name, "bastion.corp.com");
  EXPECT_EQ(verdict.file, "");
  EXPECT_EQ(verdict.line, 0);
  EXPECT_EQ(verdict.problem, "");
}

TEST_F(HostKeysTest, TheVerdictNamesTheDecidingLine) {
  write_file(user(), "# mine\n" + line_for("bastion", kKeyA));
  const HostKeyVerdict known = keys_.check(first_hop("bastion"), kKeyA);
  EXPECT_EQ(known.status, Status::known);
  EXPECT_EQ(known.file, user());
  EXPECT_EQ(known.line, 2);
  const HostKeyVerdict changed = keys_.check(first_hop("bastion"), kKeyB);
  EXPECT_EQ(changed.status, Status::changed);
  EXPECT_EQ(changed.file, user());
  EXPECT_EQ(changed.line, 2);
  EXPECT_EQ(changed.known_type, "ssh-ed25519");
  EXPECT_EQ(changed.known_fingerprint, kKeyA.fingerprint);
}

TEST_F(HostKeysTest, EveryFileCounts) {
  int number = 0;
  for (const std::string& file : {own(), user(), user2(), machine()}) {
    const std::string host = "host" + std::to_string(++number);
    write_file(file, line_for(host, kKeyA));
    EXPECT_EQ(keys_.check(first_hop(host), kKeyA).file, file);
    EXPECT_EQ(status(first_hop(host), kKeyB), Status::changed);
  }
}

TEST_F(HostKeysTest, OneEqualKeyAmongSeveralIsEnough) {
  write_file(own(), line_for("bastion", kKeyA));
  write_file(user(), line_for("bastion", kEcdsa) + line_for("bastion", kKeyB));
  for (const HostKey& key : {kKeyA, kKeyB, kEcdsa})
    EXPECT_EQ(status(first_hop("bastion"), key), Status::known);
  const HostKeyVerdict changed = keys_.check(first_hop("bastion"), make_key('c', kEcdsa.type));
  EXPECT_EQ(changed.status, Status::changed);
  EXPECT_EQ(changed.known_fingerprint, kEcdsa.fingerprint) << "the line of the same type is the one to show";
}

TEST_F(HostKeysTest, AnotherTypeThanTheKnownOneIsChanged) {
  write_file(user(), line_for("bastion", kKeyA));
  const HostKeyVerdict verdict = keys_.check(first_hop("bastion"), kEcdsa);
  EXPECT_EQ(verdict.status, Status::changed);
  EXPECT_EQ(verdict.known_type, "ssh-ed25519");
}

TEST_F(HostKeysTest, ADamagedLineDoesNotTurnChangedIntoUnknown) {
  write_file(user(), "bastion ssh-ed25519 AAAA!\n" + line_for("bastion", kKeyA));
  EXPECT_EQ(status(first_hop("bastion"), kKeyB), Status::changed);
  const auto problems = keys_.problems();
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_EQ(problems[0], user() + ": 1 line skipped, the first is line 1 (the key is not base64)");
}

TEST_F(HostKeysTest, OnlyTheNameWithItsPortVouches) {
  write_file(user(), line_for("bastion", kKeyA) + line_for("[other]:2222", kKeyA));
  EXPECT_EQ(status(first_hop("bastion", 2222), kKeyA), Status::unknown);
  EXPECT_EQ(keys_.check(first_hop("bastion", 2222), kKeyA).name, "[bastion]:2222");
  EXPECT_EQ(status(first_hop("other", 2222), kKeyA), Status::known);
  EXPECT_EQ(status(first_hop("other", 2222), kKeyB), Status::changed);
  EXPECT_EQ(status(first_hop("other"), kKeyA), Status::unknown);
}

TEST_F(HostKeysTest, HashedNamesCount) {
  write_file(user(), line_for("bastion", kKeyA));
  ASSERT_EQ(run("ssh-keygen -H -f " + user()), 0);
  EXPECT_EQ(status(first_hop("Bastion"), kKeyA), Status::known);
  EXPECT_EQ(status(first_hop("bastion"), kKeyB), Status::changed);
}

TEST_F(HostKeysTest, ACertAuthorityLineVouchesForNoPlainKey) {
  write_file(user(), "@cert-authority " + line_for("*", kKeyA));
  EXPECT_EQ(status(first_hop("bastion"), kKeyA), Status::unknown);
  EXPECT_EQ(status(first_hop("bastion"), kKeyB), Status::unknown);
  EXPECT_TRUE(keys_.known_types(first_hop("bastion")).empty());
}

TEST_F(HostKeysTest, RevokedComesBeforeEverything) {
  write_file(own(), line_for("bastion", kKeyA));
  write_file(machine(), "\n@revoked " + line_for("bastion", kKeyA));
  HostKeyQuery query = first_hop("bastion");
  query.pins = {kKeyA.fingerprint};
  const HostKeyVerdict verdict = keys_.check(query, kKeyA);
  EXPECT_EQ(verdict.status, Status::revoked);
  EXPECT_EQ(verdict.file, machine());
  EXPECT_EQ(verdict.line, 2);
  EXPECT_EQ(verdict.known_fingerprint, kKeyA.fingerprint);
  EXPECT_EQ(status(first_hop("other"), kKeyA), Status::unknown) << "revoked for the named hosts only";
}

TEST_F(HostKeysTest, ARevokedKeyIsNotAKnownOne) {
  write_file(user(), "@revoked " + line_for("bastion", kKeyA));
  EXPECT_EQ(status(first_hop("bastion"), kKeyB), Status::unknown);
  EXPECT_TRUE(keys_.known_types(first_hop("bastion")).empty());
}

TEST_F(HostKeysTest, RevocationReachesEveryNameOfTheHost) {
  write_file(user(), "@revoked " + line_for("10.0.5.12", kKeyA) + "@revoked " + line_for("*.corp", kKeyB));
  write_file(own(), "@revoked " + line_for("edge/db", kKeyA) + line_for("edge/10.0.5.12", kKeyA));
  EXPECT_EQ(status(behind({"edge"}, "10.0.5.12"), kKeyA), Status::revoked);
  EXPECT_EQ(status(behind({"edge"}, "10.0.5.12", 2222), kKeyA), Status::revoked);
  EXPECT_EQ(status(behind({"edge"}, "db"), kKeyA), Status::revoked);
  EXPECT_EQ(status(behind({"edge"}, "db.corp"), kKeyB), Status::revoked);
  HostKeyQuery aliased = behind({"edge"}, "10.0.5.12");
  aliased.alias = "db-gw";
  EXPECT_EQ(status(aliased, kKeyA), Status::revoked);
}

TEST_F(HostKeysTest, PinsDecideAlone) {
  write_file(user(), line_for("bastion", kKeyB));
  HostKeyQuery query = first_hop("bastion");
  query.pins = {"SHA256:" + std::string(43, 'x'), kKeyA.fingerprint};
  EXPECT_EQ(status(query, kKeyA), Status::pinned);
  const HostKeyVerdict verdict = keys_.check(query, kKeyB);
  EXPECT_EQ(verdict.status, Status::changed);
  EXPECT_EQ(verdict.file, "");
  EXPECT_EQ(verdict.known_fingerprint, query.pins[0] + ", " + query.pins[1]);
}

TEST_F(HostKeysTest, APinIsComparedWithTheKeyAndNotWithWhatIsSaidOfIt) {
  HostKeyQuery query = first_hop("bastion");
  query.pins = {kKeyA.fingerprint + "="};
  HostKey liar = kKeyB;
  liar.fingerprint = kKeyA.fingerprint;
  EXPECT_EQ(status(query, liar), Status::changed);
  EXPECT_EQ(status(query, kKeyA), Status::pinned);
}

TEST_F(HostKeysTest, AHostBehindOthersIsNamedByItsPath) {
  EXPECT_EQ(keys_.check(behind({"Bastion.corp.com"}, "10.0.5.12"), kKeyA).name, "bastion.corp.com/10.0.5.12");
  EXPECT_EQ(keys_.check(behind({"edge", "[b]:2222"}, "db", 2200), kKeyA).name, "[edge/[b]:2222/db]:2200");
  HostKeyQuery aliased = behind({"edge"}, "10.0.5.12", 2222);
  aliased.alias = "DB-gw.prod";
  EXPECT_EQ(keys_.check(aliased, kKeyA).name, "db-gw.prod");
}

TEST_F(HostKeysTest, TheSameAddressOnTwoPathsIsTwoHosts) {
  write_file(own(), line_for("edge-a/10.0.5.12", kKeyA) + line_for("edge-b/10.0.5.12", kKeyB));
  EXPECT_EQ(status(behind({"edge-a"}, "10.0.5.12"), kKeyA), Status::known);
  EXPECT_EQ(status(behind({"edge-b"}, "10.0.5.12"), kKeyB), Status::known);
  EXPECT_EQ(status(behind({"edge-a"}, "10.0.5.12"), kKeyB), Status::changed);
  EXPECT_EQ(status(behind({"edge-b"}, "10.0.5.12"), kKeyA), Status::changed);
  EXPECT_EQ(status(behind({"edge-c"}, "10.0.5.12"), kKeyA), Status::unknown);
  EXPECT_EQ(status(first_hop("10.0.5.12"), kKeyA), Status::unknown);
}

TEST_F(HostKeysTest, APlainLineOfSshCountsBehindOthersWhenItAgrees) {
  write_file(user(), line_for("10.0.5.12", kKeyA) + line_for("[10.0.5.13]:2222", kKeyA));
  const HostKeyVerdict agrees = keys_.check(behind({"edge"}, "10.0.5.12"), kKeyA);
  EXPECT_EQ(agrees.status, Status::known_unscoped);
  EXPECT_EQ(agrees.name, "edge/10.0.5.12");
  EXPECT_EQ(agrees.file, user());
  EXPECT_EQ(agrees.line, 1);
  const HostKeyVerdict differs = keys_.check(behind({"edge"}, "10.0.5.12"), kKeyB);
  EXPECT_EQ(differs.status, Status::changed);
  EXPECT_EQ(differs.known_fingerprint, kKeyA.fingerprint);
  EXPECT_EQ(status(behind({"edge"}, "10.0.5.13", 2222), kKeyA), Status::known_unscoped);
  EXPECT_EQ(status(behind({"edge"}, "10.0.5.13"), kKeyA), Status::unknown);
}

TEST_F(HostKeysTest, AScopedLineOutranksPlainOnes) {
  write_file(own(), line_for("edge/10.0.5.12", kKeyA));
  write_file(user(), line_for("10.0.5.12", kKeyB));
  EXPECT_EQ(status(behind({"edge"}, "10.0.5.12"), kKeyA), Status::known);
  EXPECT_EQ(status(behind({"edge"}, "10.0.5.12"), kKeyB), Status::changed);
}

TEST_F(HostKeysTest, AWildcardWithoutAPathIsAPlainLineForAHostBehindOthers) {
  write_file(user(), line_for("*.5.12", kKeyB));
  EXPECT_EQ(status(behind({"edge"}, "10.0.5.12"), kKeyB), Status::known_unscoped);
  write_file(own(), line_for("edge/10.0.5.12", kKeyA));
  EXPECT_EQ(status(behind({"edge"}, "10.0.5.12"), kKeyB), Status::changed);
}

TEST_F(HostKeysTest, PlainLinesOfOurOwnFileSpeakOfFirstHopsOnly) {
  write_file(own(), line_for("10.0.5.12", kKeyA));
  EXPECT_EQ(status(first_hop("10.0.5.12"), kKeyA), Status::known);
  EXPECT_EQ(status(behind({"edge"}, "10.0.5.12"), kKeyB), Status::unknown);
}

TEST_F(HostKeysTest, AnAliasReplacesHostPortAndPath) {
  write_file(user(), line_for("db-gw.prod", kKeyA) + line_for("10.0.5.12", kKeyB));
  HostKeyQuery query = behind({"edge"}, "10.0.5.12", 2222);
  query.alias = "db-gw.prod";
  EXPECT_EQ(status(query, kKeyA), Status::known);
  EXPECT_EQ(status(query, kKeyB), Status::changed);
  query.alias = "new";
  EXPECT_EQ(status(query, kKeyB), Status::unknown);
}

TEST_F(HostKeysTest, KnownTypesGiveTheScopedOnesFirstAndEachOnce) {
  const HostKey rsa = make_key('r', "ssh-rsa");
  write_file(own(), line_for("edge/db", kEcdsa) + line_for("edge/db", make_key('x', kEcdsa.type)));
  write_file(user(), line_for("db", rsa) + line_for("db", kEcdsa) + line_for("db", kKeyA));
  EXPECT_EQ(keys_.known_types(behind({"edge"}, "db")),
            (std::vector<std::string>{"ecdsa-sha2-nistp256", "ssh-rsa", "ssh-ed25519"}));
  EXPECT_EQ(keys_.known_types(first_hop("db")),
            (std::vector<std::string>{"ssh-rsa", "ecdsa-sha2-nistp256", "ssh-ed25519"}));
  EXPECT_TRUE(keys_.known_types(first_hop("other")).empty());
}

TEST_F(HostKeysTest, WithPinsOnlyLinesOfPinnedKeysGiveTypes) {
  write_file(user(), line_for("bastion", kEcdsa) + line_for("bastion", kKeyA));
  HostKeyQuery query = first_hop("bastion");
  query.pins = {fingerprint_sha256(kKeyA.blob_base64)};
  EXPECT_EQ(keys_.known_types(query), (std::vector<std::string>{"ssh-ed25519"}));
  query.pins = {fingerprint_sha256(make_key('x', "ssh-rsa").blob_base64)};
  EXPECT_TRUE(keys_.known_types(query).empty());
}

TEST_F(HostKeysTest, AChangedFileIsReadAgain) {
  EXPECT_EQ(status(first_hop("bastion"), kKeyA), Status::unknown);
  write_file(user(), line_for("bastion", kKeyA));
  EXPECT_EQ(status(first_hop("bastion"), kKeyA), Status::known);
  write_file(user(), line_for("bastion", kKeyB));  // same size, at once
  EXPECT_EQ(status(first_hop("bastion"), kKeyA), Status::changed);
  write_file(user() + ".new", line_for("bastion", kKeyA));
  std::filesystem::rename(user() + ".new", user());
  EXPECT_EQ(status(first_hop("bastion"), kKeyA), Status::known);
  std::filesystem::remove(user());
  EXPECT_EQ(status(first_hop("bastion"), kKeyA), Status::unknown);
}

TEST_F(HostKeysTest, AFileThatCannotBeUsedIsNamed) {
  write_file(user(), line_for("bastion", kKeyA) + std::string(kMaxKnownHostsBytes, '#'));
  EXPECT_EQ(keys_.check(first_hop("bastion"), kKeyB).problem, "cannot use " + user() + ": larger than 8 MiB");
  std::filesystem::remove(user());
  std::filesystem::create_directory(user());
  EXPECT_EQ(keys_.check(first_hop("bastion"), kKeyB).problem, "cannot use " + user() + ": not a file");
  EXPECT_EQ(keys_.problems(), std::vector<std::string>{"cannot use " + user() + ": not a file"});
  std::filesystem::remove(user());
  ASSERT_EQ(run("mkfifo " + user()), 0);
  EXPECT_EQ(keys_.check(first_hop("bastion"), kKeyB).problem, "cannot use " + user() + ": not a file");
  std::filesystem::remove(user());
  std::filesystem::create_symlink("/dev/null", user());
  EXPECT_EQ(keys_.check(first_hop("bastion"), kKeyB).problem, "");
}

TEST_F(HostKeysTest, ADamagedLineThatMaySpeakOfTheServerIsNamed) {
  const std::string problem = "cannot use " + user() + ":2: the key is not base64";
  write_file(user(), "# mine\nbastion,10.0.5.12 ssh-ed25519 AAAA!\n");
  EXPECT_EQ(keys_.check(first_hop("bastion"), kKeyA).problem, problem);
  EXPECT_EQ(keys_.check(behind({"edge"}, "10.0.5.12"), kKeyA).problem, problem);
  EXPECT_EQ(keys_.check(first_hop("other"), kKeyA).problem, "");
  EXPECT_EQ(keys_.check(first_hop("bastion", 2222), kKeyA).problem, "");
  write_file(user(), "|1|x|y " + kKeyA.type + " " + kKeyA.blob_base64 + "\n");
  EXPECT_EQ(keys_.check(first_hop("other"), kKeyB).problem, "cannot use " + user() + ":1: the hashed name is damaged");
}

TEST_F(HostKeysTest, ADamagedRevocationRefusesWhatItMayMean) {
  const std::string key = kKeyA.type + " " + kKeyA.blob_base64;
  write_file(user(), "@revoked bastion ssh-ed25519 AAAA!\n");
  const HostKeyVerdict any_key = keys_.check(first_hop("bastion"), kKeyB);
  EXPECT_EQ(any_key.status, Status::revoked);
  EXPECT_EQ(any_key.problem, "cannot use " + user() + ":1: the key is not base64");
  EXPECT_EQ(any_key.known_fingerprint, "");
  EXPECT_EQ(status(first_hop("other"), kKeyB), Status::unknown);
  EXPECT_EQ(status(first_hop("bastion"), kEcdsa), Status::unknown) << "a key of another type cannot be meant";
  write_file(user(), line_for("bastion", kKeyA) + "@revoked * ssh-rsa AAAAB5W...\n");  // as in sshd(8)
  EXPECT_EQ(status(first_hop("bastion"), kKeyA), Status::known);
  EXPECT_EQ(status(first_hop("bastion"), make_key('r', "ssh-rsa")), Status::revoked);
  write_file(user(), "@revoked * ssh-ed25519-cert-v01@openssh.com AAAA\n");
  EXPECT_EQ(status(first_hop("bastion"), kKeyA), Status::revoked);
  EXPECT_EQ(status(first_hop("bastion"), kEcdsa), Status::unknown);
  write_file(user(), "@revoked * ssh-ed25520 AAAA\n");
  EXPECT_EQ(status(first_hop("bastion"), kEcdsa), Status::revoked);
  write_file(user(), "@revoked |1|x|y " + key + "\n");
  EXPECT_EQ(status(first_hop("whoever"), kKeyA), Status::revoked);
  EXPECT_EQ(status(first_hop("whoever"), kKeyB), Status::unknown);
  write_file(user(), "@revoked\n");
  EXPECT_EQ(status(first_hop("whoever"), kKeyA), Status::revoked);
  for (const std::string& told :
       {"@revoked bastion ssh-rsa " + kKeyA.blob_base64, "@revoked @revoked bastion " + key}) {
    write_file(user(), told + "\n");
    EXPECT_EQ(status(first_hop("bastion"), kKeyA), Status::revoked) << told;
    EXPECT_EQ(status(first_hop("bastion"), kKeyB), Status::unknown) << told;
    EXPECT_EQ(status(first_hop("other"), kKeyA), Status::unknown) << told;
  }
}

TEST_F(HostKeysTest, AFileOfAnotherUserIsNamed) {
  write_file(user(), line_for("bastion", kKeyA));
  std::filesystem::permissions(user(), std::filesystem::perms::none);
  std::filesystem::permissions(dir_.path(), std::filesystem::perms{0755});
  const std::string problem =
      answer_of_child(kStranger, [this] { return keys_.check(first_hop("bastion"), kKeyB).problem; });
  EXPECT_EQ(problem, "cannot read " + user() + ": Permission denied");
}

TEST_F(HostKeysTest, WhatIsRecordedIsKnown) {
  const HostKeyQuery scoped = behind({"Edge"}, "10.0.5.12", 2222);
  EXPECT_EQ(keys_.record(scoped, kKeyA), "");
  EXPECT_EQ(keys_.record(first_hop("bastion"), kKeyB), "");
  EXPECT_EQ(read_file(own()), line_for("[edge/10.0.5.12]:2222", kKeyA) + line_for("bastion", kKeyB));
  const HostKeyVerdict verdict = keys_.check(scoped, kKeyA);
  EXPECT_EQ(verdict.status, Status::known);
  EXPECT_EQ(verdict.file, own());
  EXPECT_EQ(status(scoped, kKeyB), Status::changed);
  EXPECT_FALSE(std::filesystem::exists(user()));
}

TEST_F(HostKeysTest, AKnownPlainKeyIsKnownByItsPathOnceRecorded) {
  write_file(user(), line_for("10.0.5.12", kKeyA));
  const HostKeyQuery query = behind({"edge"}, "10.0.5.12");
  ASSERT_EQ(status(query, kKeyA), Status::known_unscoped);
  ASSERT_EQ(keys_.record(query, kKeyA), "");
  EXPECT_EQ(status(query, kKeyA), Status::known);
  EXPECT_EQ(read_file(user()), line_for("10.0.5.12", kKeyA));
}

TEST(UsualHostKeyFiles, AreThoseOfSshConfig) {
  const HostKeyFiles files = usual_host_key_files("/state/known_hosts", "/home/a");
  EXPECT_EQ(files.own, "/state/known_hosts");
  EXPECT_EQ(files.user, (std::vector<std::string>{"/home/a/.ssh/known_hosts", "/home/a/.ssh/known_hosts2"}));
  EXPECT_EQ(files.machine,
            (std::vector<std::string>{"/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"}));
}

}  // namespace
}  // namespace tunneld::trust
