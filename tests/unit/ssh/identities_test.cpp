#include "ssh/identities.h"

#include <gtest/gtest.h>
#include <pty.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "unit/ssh/keys.h"

namespace tunneld::ssh {
namespace {

using namespace testing;
using tunneld::testing::read_file;
using tunneld::testing::write_file;

constexpr const char* kPassphrase = "correct horse";

Host host_with(std::vector<std::string> identity_files, std::vector<std::string> certificate_files = {}) {
  Host host;
  host.identity_files = std::move(identity_files);
  host.certificate_files = std::move(certificate_files);
  return host;
}

std::vector<std::string> labels(const Identities& identities) {
  std::vector<std::string> names;
  for (const Identity& identity : identities.usable)
    names.push_back(identity.label + (identity.certificate ? " (certificate)" : ""));
  return names;
}

// Nothing usable, and this is why.
void expect_problem(const Identities& identities, const std::string& problem) {
  EXPECT_TRUE(identities.usable.empty());
  EXPECT_EQ(identities.problems, Words{problem});
}

TEST(Identities, APlainKeyIsUsable) {
  for (const std::string type : {"ed25519", "ecdsa", "rsa"}) {
    const TempDir dir;
    make_key(dir / "key", type);
    const Identities found = load_identities(host_with({dir / "key"}), "/nowhere");
    ASSERT_EQ(found.usable.size(), 1U) << type;
    const Identity& identity = found.usable.front();
    EXPECT_TRUE(identity.key);
    EXPECT_EQ(identity.label, dir / "key");
    EXPECT_NE(identity.type.find(type), std::string::npos) << identity.type;
    EXPECT_EQ(identity.fingerprint, fingerprint_of(dir / "key.pub"));
    EXPECT_FALSE(identity.certificate);
    EXPECT_TRUE(found.problems.empty());
    EXPECT_TRUE(found.agent_keys.empty());
  }
}

TEST(Identities, APlainKeyInPemIsUsable) {
  const TempDir dir;
  make_key(dir / "key", "rsa", "", {"-m", "PEM"});
  EXPECT_EQ(load_identities(host_with({dir / "key"}), "").usable.size(), 1U);
}

TEST(Identities, KeepTheOrderOfTheProfile) {
  const TempDir dir;
  for (const char* name : {"c", "a", "b"}) make_key(dir / name);
  const Identities found = load_identities(host_with({dir / "c", dir / "a", dir / "b"}), dir.path());
  EXPECT_EQ(labels(found), (Words{"~/c", "~/a", "~/b"})) << "named as a person would";
}

TEST(Identities, WithoutIdentityFileTheUsualNamesThatExistAreTaken) {
  const TempDir dir;
  std::filesystem::create_directory(dir / ".ssh");
  EXPECT_TRUE(load_identities(host_with({}), dir.path()).usable.empty());
  EXPECT_TRUE(load_identities(host_with({}), dir.path()).problems.empty()) << "none has to be there";
  make_key(dir / ".ssh/id_ecdsa", "ecdsa");
  make_key(dir / ".ssh/id_ed25519");
  make_key(dir / ".ssh/id_other");
  EXPECT_EQ(labels(load_identities(host_with({}), dir.path())),
            (Words{"~/.ssh/id_ed25519", "~/.ssh/id_ecdsa"}));
}

TEST(Identities, AnEncryptedKeyIsLeftToTheAgentByItsPublicKey) {
  for (const Words& format : {Words{}, Words{"-m", "PEM"}, Words{"-m", "PKCS8"}}) {
    const TempDir dir;
    make_key(dir / "key", "ecdsa", kPassphrase, format);
    const Identities found = load_identities(host_with({dir / "key"}), dir.path());
    expect_problem(found, "~/key: needs a passphrase; add it to an ssh-agent (ssh-add)");
    EXPECT_EQ(found.agent_keys, Words{blob_of(dir / "key.pub")});
  }
}

TEST(Identities, AnEncryptedKeyOfOpensshsFormatTellsItsPublicKeyItself) {
  for (const char* type : {"ed25519", "ecdsa", "rsa"}) {
    const TempDir dir;
    make_key(dir / "key", type, kPassphrase);
    const Words blob{blob_of(dir / "key.pub")};
    std::filesystem::remove(dir / "key.pub");
    EXPECT_EQ(load_identities(host_with({dir / "key"}), dir.path()).agent_keys, blob) << type;
  }
}

TEST(Identities, AnEncryptedPemKeyWithoutItsPublicKeyIsAProblem) {
  const TempDir dir;
  make_key(dir / "key", "ecdsa", kPassphrase, {"-m", "PEM"});
  std::filesystem::remove(dir / "key.pub");
  const Identities found = load_identities(host_with({dir / "key"}), dir.path());
  expect_problem(found, "~/key: needs a passphrase; add it to an ssh-agent (ssh-add)");
  EXPECT_TRUE(found.agent_keys.empty());
}

// The daemon has no terminal, and one that runs in the foreground must not wait at it.
TEST(Identities, NobodyIsAskedForAPassphraseOnTheTerminal) {
  const TempDir dir;
  make_key(dir / "key", "rsa", kPassphrase, {"-m", "PEM"});
  int terminal = -1;
  const pid_t child = ::forkpty(&terminal, nullptr, nullptr, nullptr);
  if (child == 0) {
    const Identities found = load_identities(host_with({dir / "key"}), "");
    ::_exit(found.usable.empty() && found.problems.size() == 1 ? 0 : 1);
  }
  std::string shown;
  for (char c = 0; ::read(terminal, &c, 1) == 1;) {
    shown.push_back(c);
    if (shown.size() > 1) continue;
    EXPECT_EQ(::write(terminal, "\n", 1), 1) << "lets a prompt go on";
  }
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  ::close(terminal);
  EXPECT_EQ(shown, "");
  EXPECT_EQ(status, 0);
}

TEST(Identities, AKeyThatOthersCanReadIsRefusedWithTheRemedy) {
  for (const mode_t mode : {0644U, 0640U, 0604U}) {
    const TempDir dir;
    make_key(dir / "key");
    ASSERT_EQ(::chmod((dir / "key").c_str(), mode), 0);
    expect_problem(load_identities(host_with({dir / "key"}), dir.path()),
                   "~/key: others may read it; chmod 600 it");
    ASSERT_EQ(::chmod((dir / "key").c_str(), 0600), 0);
    EXPECT_EQ(load_identities(host_with({dir / "key"}), dir.path()).usable.size(), 1U) << "mended";
  }
}

TEST(Identities, ACertificateBesideIsOfferedBeforeItsKey) {
  for (const std::string type : {"ed25519", "ecdsa", "rsa"}) {
    const TempDir dir;
    make_key(dir / "ca");
    make_key(dir / "key", type);
    certify(dir / "ca", dir / "key");
    const Identities found = load_identities(host_with({dir / "key"}), dir.path());
    ASSERT_EQ(labels(found), (Words{"~/key-cert.pub (certificate)", "~/key"})) << type;
    EXPECT_EQ(found.usable[0].fingerprint, fingerprint_of(dir / "key-cert.pub")) << "of the key within";
    EXPECT_EQ(found.usable[0].type, found.usable[1].type);
    EXPECT_TRUE(found.problems.empty());
  }
}

TEST(Identities, ACertificateOfAnotherKeyIsNotOffered) {
  for (const std::string type : {"ed25519", "ecdsa"}) {
    const TempDir dir;
    make_key(dir / "ca");
    make_key(dir / "key");
    make_key(dir / "other", type);
    certify(dir / "ca", dir / "other");
    EXPECT_EQ(labels(load_identities(host_with({dir / "key"}, {dir / "other-cert.pub"}), dir.path())),
              Words{"~/key"});
  }
}

TEST(Identities, ACertificateFileIsOfferedWithTheKeyThatItIsFor) {
  const TempDir dir;
  for (const char* name : {"ca", "one", "two"}) make_key(dir / name);
  certify(dir / "ca", dir / "two");
  std::filesystem::rename(dir / "two-cert.pub", dir / "elsewhere.pub");
  const Identities found =
      load_identities(host_with({dir / "one", dir / "two"}, {dir / "elsewhere.pub"}), dir.path());
  EXPECT_EQ(labels(found), (Words{"~/one", "~/elsewhere.pub (certificate)", "~/two"}));
}

// The pair that the format's documentation shows.
TEST(Identities, ACertificateFileThatLiesBesideItsKeyIsOfferedOnce) {
  const TempDir dir;
  make_key(dir / "ca");
  make_key(dir / "key");
  certify(dir / "ca", dir / "key");
  const Identities found = load_identities(host_with({dir / "key"}, {dir / "key-cert.pub"}), dir.path());
  EXPECT_EQ(labels(found), (Words{"~/key-cert.pub (certificate)", "~/key"}));
}

TEST(Identities, ACertificateFileThatIsNoneIsAProblemAndTheKeyStaysUsable) {
  const TempDir dir;
  make_key(dir / "key");
  write_file(dir / "garbage", "not a certificate\n");
  const Identities found =
      load_identities(host_with({dir / "key"}, {dir / "garbage", dir / "key.pub", dir / "gone"}), dir.path());
  EXPECT_EQ(labels(found), Words{"~/key"});
  EXPECT_EQ(found.problems,
            (Words{"~/garbage: is not an OpenSSH certificate", "~/key.pub: is not an OpenSSH certificate",
                   "~/gone: No such file or directory"}));
}

TEST(Identities, APublicKeyAsIdentityFileNamesTheOneInTheAgent) {
  for (const std::string type : {"ed25519", "ecdsa", "rsa"}) {
    const TempDir dir;
    make_key(dir / "key", type);
    const Identities found = load_identities(host_with({dir / "key.pub"}), dir.path());
    EXPECT_TRUE(found.usable.empty());
    EXPECT_TRUE(found.problems.empty()) << "a public key may be read by all";
    EXPECT_EQ(found.agent_keys, Words{blob_of(dir / "key.pub")});
  }
}

TEST(Identities, AMissingFileIsAProblemWhenTheProfileNamesIt) {
  const TempDir dir;
  expect_problem(load_identities(host_with({dir / "gone"}), dir.path()), "~/gone: No such file or directory");
}

TEST(Identities, WhatIsNoKeyIsAProblem) {
  const TempDir dir;
  make_key(dir / "whole");
  const std::string whole = read_file(dir / "whole");
  for (const std::string& text : {std::string("garbage\n"), std::string(), std::string(1 << 20, '\0'),
                                  std::string("ssh-ed25519 short\n"), whole.substr(0, whole.size() / 2)}) {
    write_file(dir / "key", text);
    std::filesystem::permissions(dir / "key", std::filesystem::perms{0600});
    expect_problem(load_identities(host_with({dir / "key"}), dir.path()),
                   "~/key: is not a private key that libssh can read");
  }
}

// Opening a pipe that nobody writes to would hold a thread for ever.
TEST(Identities, APipeBesideAKeyIsNotWaitedFor) {
  const TempDir dir;
  make_key(dir / "encrypted", "ecdsa", kPassphrase, {"-m", "PEM"});
  std::filesystem::remove(dir / "encrypted.pub");
  make_key(dir / "plain");
  for (const char* name : {"encrypted.pub", "plain-cert.pub", "named-cert.pub"})
    ASSERT_EQ(::mkfifo((dir / name).c_str(), 0600), 0) << name;
  const Identities found =
      load_identities(host_with({dir / "encrypted", dir / "plain"}, {dir / "named-cert.pub"}), dir.path());
  EXPECT_EQ(labels(found), Words{"~/plain"});
  EXPECT_EQ(found.problems, (Words{"~/named-cert.pub: is not an OpenSSH certificate",
                                   "~/encrypted: needs a passphrase; add it to an ssh-agent (ssh-add)"}));
}

TEST(Identities, AFolderIsAProblem) {
  const TempDir dir;
  std::filesystem::create_directory(dir / "key");
  std::filesystem::permissions(dir / "key", std::filesystem::perms{0700});
  expect_problem(load_identities(host_with({dir / "key"}), dir.path()), "~/key: is not a file");
}

// Root may read everything: the question is put by a child process without its rights.
TEST(Identities, AFileThatMayNotBeReadIsSaidToBe) {
  constexpr uid_t kStranger = 65534;
  const TempDir dir;
  make_key(dir / "key");
  std::filesystem::permissions(dir.path(), std::filesystem::perms{0755});
  if (::geteuid() != 0) std::filesystem::permissions(dir / "key", std::filesystem::perms{0});
  const pid_t child = ::fork();
  if (child == 0) {
    if (::geteuid() == 0 && ::setresuid(kStranger, kStranger, kStranger) != 0) ::_exit(2);
    const Identities found = load_identities(host_with({dir / "key"}), dir.path());
    ::_exit(found.problems == Words{"~/key: Permission denied"} ? 0 : 1);
  }
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(Identities, OneUnusableFileDoesNotHideTheOthers) {
  const TempDir dir;
  make_key(dir / "good");
  const Identities found = load_identities(host_with({dir / "gone", dir / "good"}), dir.path());
  EXPECT_EQ(labels(found), Words{"~/good"});
  EXPECT_EQ(found.problems.size(), 1U);
}

}  // namespace
}  // namespace tunneld::ssh
