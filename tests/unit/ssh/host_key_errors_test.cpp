#include "ssh/host_key_errors.h"

#include <gtest/gtest.h>

#include "unit/ssh/keys.h"

namespace tunneld::ssh {
namespace {

using namespace testing;
using tunneld::testing::read_file;
using tunneld::testing::write_file;

Host db_gw() {
  Host host;
  host.name = "db-gw";
  host.hostname = "10.0.5.12";
  return host;
}

const HostKey kShown{"ssh-ed25519", "AAAA", "SHA256:shown"};

HostKeyVerdict verdict(HostKeyStatus status) {
  HostKeyVerdict verdict;
  verdict.status = status;
  verdict.name = "bastion.corp.com/10.0.5.12";
  verdict.file = "/home/a/.local/state/tunneld/known_hosts";
  verdict.line = 7;
  return verdict;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

void expect_whole(const Error& error, ErrorCode code) {
  EXPECT_EQ(error.code, code);
  EXPECT_TRUE(has(error.message, "10.0.5.12:22")) << error.message;
  EXPECT_TRUE(has(error.cause, "SHA256:shown")) << error.cause;
  EXPECT_NE(error.fix, "");
}

TEST(HostKeyQuery, TakesEverythingThatCountsFromTheHost) {
  Host host = db_gw();
  host.port = 2222;
  host.host_key_alias = "db";
  host.host_keys = {"SHA256:pin"};
  const HostKeyQuery query = host_key_query(host, {"bastion.corp.com"});
  EXPECT_EQ(query.hostname, "10.0.5.12");
  EXPECT_EQ(query.port, 2222);
  EXPECT_EQ(query.alias, "db");
  EXPECT_EQ(query.path, Words{"bastion.corp.com"});
  EXPECT_EQ(query.pins, Words{"SHA256:pin"});
}

TEST(HostKeyQuestion, NamesTheServerTheWayAndTheFingerprint) {
  EXPECT_EQ(host_key_question(db_gw(), kShown, {}),
            "The authenticity of host '10.0.5.12:22' can't be established.\n"
            "ssh-ed25519 key fingerprint is SHA256:shown.\n"
            "Are you sure you want to continue connecting (yes/no/[fingerprint])? ");
  EXPECT_TRUE(has(host_key_question(db_gw(), kShown, {"a", "b"}), "'10.0.5.12:22' (behind b) can't"));
}

TEST(HostKeyErrors, AChangedKeyShowsBothFingerprintsFileAndLine) {
  HostKeyVerdict changed = verdict(HostKeyStatus::changed);
  changed.known_type = "ecdsa-sha2-nistp256";
  changed.known_fingerprint = "SHA256:known";
  const Error error = refused_key_error(db_gw(), kShown, changed);
  expect_whole(error, ErrorCode::host_key_changed);
  EXPECT_EQ(error.cause,
            "it shows ssh-ed25519 SHA256:shown; expected ecdsa-sha2-nistp256 SHA256:known "
            "(/home/a/.local/state/tunneld/known_hosts:7, as bastion.corp.com/10.0.5.12)");
  EXPECT_TRUE(has(error.fix, "somebody may be in the middle")) << error.fix;
}

// The command that the fix names is run as it stands, in a folder whose name has a space.
TEST(HostKeyErrors, TheCommandThatAcceptsAChangedKeyDoesSo) {
  const TempDir dir;
  make_key(dir / "key");
  const std::string file = dir / "known hosts";
  for (const std::string name : {"bastion.corp.com/10.0.5.12", "[bastion.corp.com/10.0.5.12]:2222"}) {
    const std::string other = "other ssh-ed25519 " + blob_of(dir / "key.pub") + "\n";
    write_file(file, name + " ssh-ed25519 " + blob_of(dir / "key.pub") + "\n" + other);
    HostKeyVerdict changed = verdict(HostKeyStatus::changed);
    changed.name = name;
    changed.file = file;
    const std::string fix = refused_key_error(db_gw(), kShown, changed).fix;
    ASSERT_TRUE(has(fix, "ssh-keygen")) << fix;
    run({"sh", "-c", fix.substr(fix.find("ssh-keygen"))});
    EXPECT_EQ(read_file(file), other);
  }
}

TEST(HostKeyErrors, AKeyThatIsNotThePinnedOneNamesTheProfile) {
  HostKeyVerdict changed = verdict(HostKeyStatus::changed);
  changed.file.clear();
  changed.known_fingerprint = "SHA256:pin";
  const Error error = refused_key_error(db_gw(), kShown, changed);
  expect_whole(error, ErrorCode::host_key_changed);
  EXPECT_TRUE(has(error.cause, "expected SHA256:pin (the profile's host_keys")) << error.cause;
  EXPECT_TRUE(has(error.fix, "host_keys")) << error.fix;
  EXPECT_FALSE(has(error.fix, "ssh-keygen")) << "no file would help";
}

TEST(HostKeyErrors, ARevokedKeyNamesTheLineAndNoWayRoundIt) {
  const Error error = refused_key_error(db_gw(), kShown, verdict(HostKeyStatus::revoked));
  expect_whole(error, ErrorCode::host_key_revoked);
  EXPECT_TRUE(has(error.cause, "@revoked in /home/a/.local/state/tunneld/known_hosts:7")) << error.cause;
  EXPECT_TRUE(has(error.fix, "do not connect")) << error.fix;
  EXPECT_FALSE(has(error.fix, "ssh-keygen"));
}

TEST(HostKeyErrors, ADamagedRevocationIsNamedAndToBeMended) {
  HostKeyVerdict revoked = verdict(HostKeyStatus::revoked);
  revoked.problem = "cannot use known_hosts:7: the key is not base64";
  const Error error = refused_key_error(db_gw(), kShown, revoked);
  expect_whole(error, ErrorCode::host_key_revoked);
  EXPECT_TRUE(has(error.cause, revoked.problem)) << error.cause;
  EXPECT_TRUE(has(error.fix, "/home/a/.local/state/tunneld/known_hosts:7")) << error.fix;
}

TEST(HostKeyErrors, AnUnknownKeyTellsHowToPinIt) {
  const Error error = unknown_key_error(db_gw(), kShown, verdict(HostKeyStatus::unknown));
  expect_whole(error, ErrorCode::host_key_unknown);
  EXPECT_TRUE(has(error.cause, "no known_hosts file has bastion.corp.com/10.0.5.12")) << error.cause;
  EXPECT_TRUE(has(error.fix, "host_keys: [\"SHA256:shown\"]")) << error.fix;
}

// Then "unknown" may not be the whole truth.
TEST(HostKeyErrors, AnUnknownKeyNamesAFileThatCouldNotBeRead) {
  HostKeyVerdict unknown = verdict(HostKeyStatus::unknown);
  unknown.problem = "~/.ssh/known_hosts cannot be read: Permission denied";
  EXPECT_TRUE(has(unknown_key_error(db_gw(), kShown, unknown).cause, unknown.problem));
}

TEST(HostKeyErrors, WithoutAnAnswerTheyTellHowToGiveOne) {
  const Error nobody = needs_answer_error(db_gw(), kShown, "");
  expect_whole(nobody, ErrorCode::needs_input);
  EXPECT_TRUE(has(nobody.fix, "run tunneld up on a terminal")) << nobody.fix;
  const Error silent = unanswered_error(db_gw(), kShown);
  expect_whole(silent, ErrorCode::needs_input);
  EXPECT_TRUE(has(silent.fix, "run tunneld up again")) << silent.fix;
  expect_whole(declined_key_error(db_gw(), kShown), ErrorCode::host_key_unknown);
}

TEST(HostKeyErrors, AKeyThatCannotBeRecordedTellsWhy) {
  const Error error = unsaved_key_error(db_gw(), "the disk is full");
  EXPECT_EQ(error.code, ErrorCode::host_key_unsaved);
  EXPECT_TRUE(has(error.message, "10.0.5.12:22"));
  EXPECT_EQ(error.cause, "the disk is full");
  EXPECT_NE(error.fix, "");
}

}  // namespace
}  // namespace tunneld::ssh
