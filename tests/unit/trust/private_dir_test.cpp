#include "trust/private_dir.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "unit/trust/fixtures.h"

namespace tunneld::trust {
namespace {

using namespace testing;

UniqueFd connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) fd.reset();
  return fd;
}

// Every refusal is what, why and the fix.
void expect_refused(const Error& error, const std::string& cause) {
  EXPECT_EQ(error.code, ErrorCode::daemon_unreachable);
  EXPECT_FALSE(error.message.empty());
  EXPECT_NE(error.cause.find(cause), std::string::npos) << error.cause;
  EXPECT_FALSE(error.fix.empty());
}

TEST(PrivateDir, IsMadeWithItsParents) {
  const TempDir dir;
  ASSERT_TRUE(open_private_dir(dir / "state/tunneld/run"));
  for (const char* name : {"state", "state/tunneld", "state/tunneld/run"})
    EXPECT_EQ(mode_of(dir / name), 0700U) << name;
  EXPECT_TRUE(open_private_dir(dir / "state/tunneld/run")) << "a second time";
}

TEST(PrivateDir, LeavesExistingParentsAlone) {
  const TempDir dir;
  std::filesystem::permissions(dir.path(), std::filesystem::perms{0755});
  ASSERT_TRUE(open_private_dir(dir / "run"));
  EXPECT_EQ(mode_of(dir.path()), 0755U);
}

TEST(PrivateDir, ASymbolicLinkIsRefused) {
  const TempDir dir;
  std::filesystem::create_directory(dir / "real");
  std::filesystem::permissions(dir / "real", std::filesystem::perms{0700});
  std::filesystem::create_symlink(dir / "real", dir / "link");
  const auto opened = open_private_dir(dir / "link");
  ASSERT_FALSE(opened);
  expect_refused(opened.error(), "symbolic link");
  std::filesystem::create_symlink(dir / "nowhere", dir / "dangling");
  ASSERT_FALSE(open_private_dir(dir / "dangling"));
  EXPECT_FALSE(std::filesystem::exists(dir / "nowhere"));
}

TEST(PrivateDir, AFolderOfAnotherUserIsRefused) {
  const TempDir dir;
  std::string foreign = "/usr";
  if (is_root()) {
    foreign = dir / "foreign";
    ASSERT_TRUE(open_private_dir(foreign));
    ASSERT_EQ(::chown(foreign.c_str(), kStranger, kStranger), 0);
  }
  const auto opened = open_private_dir(foreign);
  ASSERT_FALSE(opened);
  expect_refused(opened.error(),
                 is_root() ? "it belongs to uid 65534, not to you" : "it belongs to uid 0, not to you");
}

TEST(PrivateDir, AModeOtherThan0700IsRefused) {
  const TempDir dir;
  const std::string path = dir / "run";
  ASSERT_TRUE(open_private_dir(path));
  for (const mode_t mode : {0755U, 0710U, 0701U, 0770U, 0500U}) {
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
    const auto opened = open_private_dir(path);
    ASSERT_FALSE(opened);
    expect_refused(opened.error(), "not 0700");
    EXPECT_NE(opened.error().fix.find("chmod 700"), std::string::npos);
  }
}

TEST(PrivateDir, AFileInItsPlaceIsRefused) {
  const TempDir dir;
  write_file(dir / "run", "");
  const auto opened = open_private_dir(dir / "run");
  ASSERT_FALSE(opened);
  expect_refused(opened.error(), "Not a directory");
  ASSERT_FALSE(open_private_dir(dir / "run/below"));
}

TEST(LockFile, KeepsASecondOwnerOut) {
  const TempDir dir;
  const std::string path = dir / "control.sock.lock";
  auto first = LockFile::acquire(path);
  ASSERT_TRUE(first && first->has_value());
  EXPECT_EQ(mode_of(path), 0600U);
  EXPECT_EQ(lock_owner(path), ::getpid());
  const auto second = LockFile::acquire(path);
  ASSERT_TRUE(second);
  EXPECT_FALSE(second->has_value());
  EXPECT_EQ(lock_owner(path), ::getpid());
  first->reset();
  const auto third = LockFile::acquire(path);
  EXPECT_TRUE(third && third->has_value());
}

TEST(LockFile, GoesWithAKilledProcess) {
  const TempDir dir;
  const std::string path = dir / "lock";
  std::array<int, 2> ready{};
  ASSERT_EQ(::pipe(ready.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto lock = LockFile::acquire(path);
    const bool told = ::write(ready[1], lock && lock->has_value() ? "y" : "n", 1) == 1;
    while (told) ::pause();
    ::_exit(1);
  }
  char locked = 'n';
  ASSERT_EQ(::read(ready[0], &locked, 1), 1);
  EXPECT_EQ(locked, 'y');
  EXPECT_EQ(lock_owner(path), child);
  auto while_alive = LockFile::acquire(path);
  EXPECT_TRUE(while_alive && !while_alive->has_value());
  ASSERT_EQ(::kill(child, SIGKILL), 0);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  auto after = LockFile::acquire(path);
  EXPECT_TRUE(after && after->has_value());
  EXPECT_EQ(lock_owner(path), ::getpid());
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST(LockFile, ASymbolicLinkIsRefused) {
  const TempDir dir;
  write_file(dir / "precious", "text");
  std::filesystem::create_symlink(dir / "precious", dir / "lock");
  const auto lock = LockFile::acquire(dir / "lock");
  ASSERT_FALSE(lock);
  expect_refused(lock.error(), "symbolic link");
  EXPECT_EQ(read_file(dir / "precious"), "text");
  ASSERT_FALSE(LockFile::acquire(dir.path()));
  ASSERT_EQ(run("mkfifo " + (dir / "fifo")), 0);
  ASSERT_FALSE(LockFile::acquire(dir / "fifo"));
}

TEST(LockFile, WithoutAnOwnerThereIsNoPid) {
  const TempDir dir;
  EXPECT_EQ(lock_owner(dir / "missing"), 0);
  for (const char* text : {"", "x", "-5\n"}) {
    write_file(dir / "lock", text);
    EXPECT_EQ(lock_owner(dir / "lock"), 0) << text;
  }
}

TEST(PrivateSocket, IsForItsUserAndListens) {
  const TempDir dir;
  const std::string path = dir / "control.sock";
  const auto listener = bind_private_socket(path);
  ASSERT_TRUE(listener);
  EXPECT_EQ(mode_of(path), 0600U);
  EXPECT_FALSE(std::filesystem::exists(path + std::string(kBindSuffix)));
  EXPECT_NE(::fcntl(listener->get(), F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_NE(::fcntl(listener->get(), F_GETFL) & O_NONBLOCK, 0);

  const UniqueFd client = connect_to(path);
  ASSERT_TRUE(client);
  const UniqueFd accepted(::accept(listener->get(), nullptr, nullptr));
  ASSERT_TRUE(accepted);
  EXPECT_EQ(peer_uid(accepted.get()), ::geteuid());
  EXPECT_EQ(peer_uid(client.get()), ::geteuid());
}

TEST(PrivateSocket, ReplacesTheOneThatAKilledDaemonLeft) {
  const TempDir dir;
  const std::string path = dir / "control.sock";
  { ASSERT_TRUE(bind_private_socket(path)); }
  ASSERT_TRUE(std::filesystem::is_socket(path));
  ASSERT_FALSE(connect_to(path)) << "nobody listens";
  std::filesystem::rename(path, path + std::string(kBindSuffix));  // killed between bind and rename
  { ASSERT_TRUE(bind_private_socket(path)); }
  const auto listener = bind_private_socket(path);
  ASSERT_TRUE(listener);
  EXPECT_TRUE(connect_to(path));
}

TEST(PrivateSocket, ReplacesNothingElse) {
  const TempDir dir;
  write_file(dir / "precious", "text");
  const auto bound = bind_private_socket(dir / "precious");
  ASSERT_FALSE(bound);
  expect_refused(bound.error(), "not a socket");
  EXPECT_EQ(read_file(dir / "precious"), "text");
}

TEST(PrivateSocket, APathThatIsTooLongSaysSo) {
  const TempDir dir;
  const std::size_t limit = sizeof sockaddr_un::sun_path - 1 - kBindSuffix.size();
  const std::string longest = dir / std::string(limit - dir.path().size() - 1, 'x');
  ASSERT_EQ(longest.size(), limit);
  EXPECT_TRUE(bind_private_socket(longest));
  const auto bound = bind_private_socket(longest + "x");
  ASSERT_FALSE(bound);
  expect_refused(bound.error(), "the path has 104 bytes; a unix socket's may have 103");
}

TEST(PrivateSocket, AMissingFolderSaysSo) {
  const TempDir dir;
  const auto bound = bind_private_socket(dir / "missing/control.sock");
  ASSERT_FALSE(bound);
  expect_refused(bound.error(), "No such file or directory");
}

TEST(PrivateSocket, TellsAnotherUserAtTheOtherEnd) {
  const TempDir dir;
  const std::string path = dir / "control.sock";
  const auto listener = bind_private_socket(path);
  ASSERT_TRUE(listener);
  ASSERT_EQ(::chmod(path.c_str(), 0666), 0);
  ASSERT_EQ(::chmod(dir.path().c_str(), 0755), 0);
  const std::string connected =
      answer_of_child(kStranger, [&path] { return std::string(connect_to(path) ? "yes" : "no"); });
  EXPECT_EQ(connected, "yes");
  const UniqueFd accepted(::accept(listener->get(), nullptr, nullptr));
  ASSERT_TRUE(accepted);
  EXPECT_EQ(peer_uid(accepted.get()), is_root() ? kStranger : ::geteuid());
}

TEST(PeerUid, IsNothingForWhatIsNoSocket) {
  const UniqueFd file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(peer_uid(file.get()), std::nullopt);
}

}  // namespace
}  // namespace tunneld::trust
