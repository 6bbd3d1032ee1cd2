#include "trust/private_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>

#include "trust/errno_text.h"

namespace tunneld::trust {
namespace {

constexpr mode_t kPrivateDirMode = 0700;
constexpr mode_t kPrivateFileMode = 0600;
constexpr mode_t kPermissionBits = 0777;

tl::unexpected<Error> refuse(std::string message, std::string cause, std::string fix) {
  return fail({ErrorCode::daemon_unreachable, std::move(message), {}, std::move(cause), std::move(fix)});
}

tl::unexpected<Error> refuse_dir(const std::string& path, const DirUse& use, std::string cause, std::string fix) {
  return refuse("the folder " + path + " cannot hold " + use.holds, std::move(cause), std::move(fix));
}

tl::unexpected<Error> refuse_lock(const std::string& path, std::string cause) {
  return refuse("cannot use the lock file " + path, std::move(cause),
                "remove " + path + " if nothing needs it, and see that its folder is writable");
}

std::string mode_text(mode_t mode) {
  std::array<char, 8> text{};
  std::snprintf(text.data(), text.size(), "%04o", static_cast<unsigned>(mode & kPermissionBits));
  return text.data();
}

std::string elsewhere(const DirUse& use) {
  return std::string("set ") + use.variable + " to a folder of your own with mode 0700";
}

std::string write_pid(int fd) {
  const std::string text = std::to_string(::getpid()) + "\n";
  if (::ftruncate(fd, 0) != 0) return errno_text(errno);
  const ssize_t written = ::pwrite(fd, text.data(), text.size(), 0);
  if (written < 0) return errno_text(errno);
  return written == static_cast<ssize_t>(text.size()) ? "" : "no space left";
}

}  // namespace

int create_parents(const std::string& path) {
  for (std::size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    const std::string parent = path.substr(0, slash);
    struct stat status {};
    // mkdir on what exists may say EROFS or EACCES rather than EEXIST.
    if (::stat(parent.c_str(), &status) == 0) continue;
    if (::mkdir(parent.c_str(), kPrivateDirMode) != 0 && errno != EEXIST) return errno;
  }
  return 0;
}

Result<UniqueFd> open_private_dir(const std::string& path, const DirUse& use) {
  int error = create_parents(path);
  if (error == 0 && ::mkdir(path.c_str(), kPrivateDirMode) != 0 && errno != EEXIST) error = errno;
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) {
    const int open_error = errno;
    struct stat status {};
    if (::lstat(path.c_str(), &status) == 0 && S_ISLNK(status.st_mode))
      return refuse_dir(path, use, "it is a symbolic link, which somebody else may have put there", "remove it, or " + elsewhere(use));
    return refuse_dir(path, use, errno_text(error != 0 ? error : open_error), "see that it can be made, or " + elsewhere(use));
  }
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return refuse_dir(path, use, errno_text(errno), "remove it, or " + elsewhere(use));
  if (status.st_uid != ::geteuid())
    return refuse_dir(path, use, "it belongs to uid " + std::to_string(status.st_uid) + ", not to you",
                      "remove it, or " + elsewhere(use));
  if ((status.st_mode & kPermissionBits) != kPrivateDirMode)
    return refuse_dir(path, use, "its mode is " + mode_text(status.st_mode) + ", not 0700",
                      "if this folder is tunneld's alone, chmod 700 it; if not, use a folder of its own");
  return fd;
}

Result<std::optional<LockFile>> LockFile::acquire(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, kPrivateFileMode));
  if (!fd) return refuse_lock(path, errno == ELOOP ? "it is a symbolic link" : errno_text(errno));
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return refuse_lock(path, errno_text(errno));
  if (!S_ISREG(status.st_mode)) return refuse_lock(path, "it is not a file");
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return std::optional<LockFile>();
    return refuse_lock(path, errno_text(errno));
  }
  if (const std::string problem = write_pid(fd.get()); !problem.empty()) return refuse_lock(path, problem);
  return std::optional<LockFile>(LockFile(std::move(fd)));
}

pid_t lock_owner(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  std::array<char, 32> text{};
  const ssize_t count = fd ? ::read(fd.get(), text.data(), text.size()) : -1;
  pid_t pid = 0;
  if (count > 0) std::from_chars(text.data(), text.data() + count, pid);
  return pid > 0 ? pid : 0;
}

Result<UniqueFd> bind_private_socket(const std::string& path) {
  const std::string message = "cannot listen on " + path;
  const std::string temporary = path + std::string(kBindSuffix);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (temporary.size() >= sizeof address.sun_path) {
    const std::size_t limit = sizeof address.sun_path - 1 - kBindSuffix.size();
    return refuse(message,
                  "the path has " + std::to_string(path.size()) + " bytes; a unix socket's may have " +
                      std::to_string(limit),
                  "set TUNNELD_SOCKET, or XDG_RUNTIME_DIR, to a shorter path");
  }
  std::memcpy(address.sun_path, temporary.c_str(), temporary.size() + 1);

  struct stat status {};
  if (::lstat(path.c_str(), &status) == 0 && !S_ISSOCK(status.st_mode))
    return refuse(message, "something that is not a socket stands there",
                  "move " + path + " away, or set TUNNELD_SOCKET");
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return refuse(message, errno_text(errno), "raise the limit of open files (ulimit -n)");
  // Left by a daemon that was killed between bind and rename.
  ::unlink(temporary.c_str());
  const bool listening = ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
                         ::chmod(temporary.c_str(), kPrivateFileMode) == 0 &&
                         ::listen(fd.get(), SOMAXCONN) == 0 && ::rename(temporary.c_str(), path.c_str()) == 0;
  if (!listening) {
    const std::string cause = errno_text(errno);
    ::unlink(temporary.c_str());
    return refuse(message, cause, "see that its folder is writable and has space");
  }
  return fd;
}

std::optional<uid_t> peer_uid(int fd) {
  ucred peer{};
  socklen_t length = sizeof peer;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return std::nullopt;
  return peer.uid;
}

}  // namespace tunneld::trust
