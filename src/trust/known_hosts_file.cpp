#include "trust/known_hosts_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>

#include "core/unique_fd.h"
#include "trust/errno_text.h"

namespace tunneld::trust {
namespace {

// A change within the same tick of the file system's clock leaves no trace in the time stamps (2 s: the
// coarsest in use). What is younger than that is read again each time.
constexpr std::chrono::seconds kClockTick{2};

bool is_settled(const timespec& changed) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return now - std::chrono::seconds(changed.tv_sec) > kClockTick;
}

bool same_time(const timespec& a, const timespec& b) {
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

}  // namespace

FileText read_text(int fd, std::size_t max_bytes) {
  FileText file;
  std::array<char, 16 * 1024> chunk;
  for (;;) {
    const ssize_t count = ::read(fd, chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return {{}, errno_text(errno)};
    if (count == 0) return file;
    file.text.append(chunk.data(), static_cast<std::size_t>(count));
    if (file.text.size() > max_bytes) return {{}, "larger than " + std::to_string(max_bytes >> 20) + " MiB"};
  }
}

bool KnownHostsFile::Stamp::operator==(const Stamp& other) const {
  return device == other.device && inode == other.inode && size == other.size &&
         same_time(modified, other.modified) && same_time(changed, other.changed);
}

KnownHostsFile::Stamp KnownHostsFile::stamp_of(const struct stat& status) {
  return {status.st_dev, status.st_ino, status.st_size, status.st_mtim, status.st_ctim};
}

void KnownHostsFile::refresh() {
  struct stat status {};
  if (::stat(path_.c_str(), &status) == 0 && stamp_ && *stamp_ == stamp_of(status)) return;
  hosts_ = {};
  problem_.clear();
  stamp_.reset();
  load();
}

void KnownHostsFile::load() {
  // O_NONBLOCK: a FIFO must not hold up the loop.
  const UniqueFd fd(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) {
    if (errno != ENOENT && errno != ENOTDIR) problem_ = "cannot read " + path_ + ": " + errno_text(errno);
    return;
  }
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) {
    problem_ = "cannot read " + path_ + ": " + errno_text(errno);
    return;
  }
  // ssh users write "UserKnownHostsFile /dev/null" to have none: a device is empty, not an error.
  if (S_ISCHR(status.st_mode)) return;
  FileText file;
  file.problem = "not a file";
  if (S_ISREG(status.st_mode)) file = read_text(fd.get(), kMaxKnownHostsBytes);
  if (is_settled(status.st_ctim)) stamp_ = stamp_of(status);
  if (!file.problem.empty()) {
    problem_ = "cannot use " + path_ + ": " + file.problem;
    return;
  }
  hosts_ = KnownHosts::parse(file.text);
}

}  // namespace tunneld::trust
