#include "trust/known_hosts_append.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "core/unique_fd.h"
#include "trust/known_hosts.h"
#include "unit/trust/fixtures.h"

namespace tunneld::trust {
namespace {

using namespace testing;

TEST(AppendKnownHost, MakesFolderAndFileForTheirUserOnly) {
  const TempDir dir;
  const std::string file = dir / "state/tunneld/known_hosts";
  EXPECT_EQ(append_known_host(file, "bastion", kKeyA), "");
  EXPECT_EQ(read_file(file), line_for("bastion", kKeyA));
  EXPECT_EQ(mode_of(file), 0600U);
  EXPECT_EQ(mode_of(dir / "state/tunneld"), 0700U);
  EXPECT_EQ(mode_of(dir / "state"), 0700U);
}

TEST(AppendKnownHost, ClosesALineThatWasLeftOpen) {
  const TempDir dir;
  const std::string file = dir / "known_hosts";
  write_file(file, "# no newline here");
  EXPECT_EQ(append_known_host(file, "bastion", kKeyA), "");
  EXPECT_EQ(read_file(file), "# no newline here\n" + line_for("bastion", kKeyA));
}

TEST(AppendKnownHost, WritesNoLineTwice) {
  const TempDir dir;
  const std::string file = dir / "known_hosts";
  for (int i = 0; i < 3; ++i) EXPECT_EQ(append_known_host(file, "edge/db", kKeyA), "");
  EXPECT_EQ(append_known_host(file, "edge/db", kKeyB), "");
  EXPECT_EQ(append_known_host(file, "edge/db2", kKeyA), "");
  EXPECT_EQ(read_file(file),
            line_for("edge/db", kKeyA) + line_for("edge/db", kKeyB) + line_for("edge/db2", kKeyA));
}

TEST(AppendKnownHost, ARevokedOrWiderLineIsNotTheLine) {
  const TempDir dir;
  const std::string file = dir / "known_hosts";
  const std::string before = "@revoked " + line_for("edge/db", kKeyA) + line_for("*", kKeyA);
  write_file(file, before);
  EXPECT_EQ(append_known_host(file, "edge/db", kKeyA), "");
  EXPECT_EQ(read_file(file), before + line_for("edge/db", kKeyA));
}

TEST(AppendKnownHost, RefusesNamesAndKeysThatWouldSayMore) {
  const TempDir dir;
  const std::string file = dir / "known_hosts";
  for (const char* name :
       {"", "*", "a*", "edge/?", "a,b", "!a", "|1|x|y", "@revoked", "#a", "a b", "a\nb", "a\tb"})
    EXPECT_NE(append_known_host(file, name, kKeyA), "") << name;
  HostKey bad = kKeyA;
  for (const std::string& blob : {std::string(), std::string("AAAA"), kKeyA.blob_base64 + "\nevil"}) {
    bad.blob_base64 = blob;
    EXPECT_NE(append_known_host(file, "a", bad), "") << blob;
  }
  bad = kKeyA;
  bad.type = "ssh-rsa";
  EXPECT_NE(append_known_host(file, "a", bad), "");
  EXPECT_FALSE(std::filesystem::exists(file));
}

TEST(AppendKnownHost, TwoProcessesAtOnceLoseAndDoubleNothing) {
  const TempDir dir;
  const std::string file = dir / "state/known_hosts";
  constexpr int kLines = 40;
  const auto write_all = [&file](const std::string& prefix) {
    std::string failed;
    for (int i = 0; i < kLines; ++i) {
      failed += append_known_host(file, prefix + std::to_string(i), kKeyA);
      failed += append_known_host(file, "both" + std::to_string(i), kKeyB);
    }
    return failed;
  };
  const pid_t other = ::fork();
  if (other == 0) ::_exit(write_all("child").empty() ? 0 : 1);
  EXPECT_EQ(write_all("parent"), "");
  int status = 0;
  ASSERT_EQ(::waitpid(other, &status, 0), other);
  EXPECT_EQ(status, 0);

  const KnownHosts hosts = KnownHosts::parse(read_file(file));
  EXPECT_EQ(hosts.skipped_count(), 0U);
  EXPECT_EQ(hosts.size(), 3U * kLines);
  for (int i = 0; i < kLines; ++i)
    for (const char* prefix : {"child", "parent", "both"})
      EXPECT_EQ(hosts.find(prefix + std::to_string(i), NameKind::plain).size(), 1U) << prefix << i;
}

TEST(AppendKnownHost, AFullDiskLeavesTheFileAsItWas) {
  const TempDir dir;
  const std::string file = dir / "known_hosts";
  const std::string before = line_for("bastion", kKeyA);
  write_file(file, before);
  ASSERT_EQ(::chmod(dir.path().c_str(), 0777), 0);
  ASSERT_EQ(::chmod(file.c_str(), 0666), 0);
  for (const std::size_t room : {std::size_t{0}, std::size_t{10}}) {
    const std::string problem = answer_of_child(kStranger, [&] {
      ::signal(SIGXFSZ, SIG_IGN);
      const rlimit limit{before.size() + room, before.size() + room};
      ::setrlimit(RLIMIT_FSIZE, &limit);
      return append_known_host(file, "other", kKeyB);
    });
    EXPECT_TRUE(problem.starts_with("cannot write " + file + ": ")) << problem;
    EXPECT_EQ(read_file(file), before);
  }
}

TEST(AppendKnownHost, SaysWhatStandsInTheWay) {
  const TempDir dir;
  write_file(dir / "file", "");
  EXPECT_EQ(append_known_host(dir / "file/known_hosts", "a", kKeyA),
            "cannot write " + (dir / "file/known_hosts") + ": Not a directory");
  EXPECT_EQ(append_known_host("/dev/full", "a", kKeyA), "cannot write /dev/full: not a file");
  std::filesystem::create_directory(dir / "closed");
  std::filesystem::permissions(dir.path(), std::filesystem::perms{0755});
  std::filesystem::permissions(dir / "closed", std::filesystem::perms{0555});
  const std::string file = dir / "closed/known_hosts";
  EXPECT_EQ(answer_of_child(kStranger, [&file] { return append_known_host(file, "a", kKeyA); }),
            "cannot write " + file + ": Permission denied");
}

TEST(AppendKnownHost, DoesNotWaitForeverForTheLock) {
  const TempDir dir;
  const std::string file = dir / "known_hosts";
  write_file(file, "");
  const UniqueFd holder(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_EQ(::flock(holder.get(), LOCK_EX), 0);
  EXPECT_EQ(append_known_host(file, "a", kKeyA),
            "cannot write " + file + ": another process keeps it locked");
  EXPECT_EQ(read_file(file), "");
}

}  // namespace
}  // namespace tunneld::trust
