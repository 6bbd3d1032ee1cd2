#include "trust/known_hosts_append.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>

#include "core/unique_fd.h"
#include "trust/errno_text.h"
#include "trust/known_hosts_file.h"
#include "trust/private_dir.h"

namespace tunneld::trust {
namespace {

// Whoever holds the lock holds it for one write and one fsync.
constexpr std::chrono::milliseconds kLockWait{1000};
constexpr std::chrono::milliseconds kLockPoll{2};

bool stands_in(const KnownHosts& hosts, const std::string& name, const HostKey& key) {
  const auto found = hosts.find(name, NameKind::scoped);
  return std::any_of(found.begin(), found.end(), [&key](const KnownKey* known) {
    return known->marker == Marker::none && known->type == key.type && known->blob_base64 == key.blob_base64;
  });
}

std::string take_lock(int fd) {
  const auto deadline = std::chrono::steady_clock::now() + kLockWait;
  while (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return "cannot lock it: " + errno_text(errno);
    if (std::chrono::steady_clock::now() >= deadline) return "another process keeps it locked";
    std::this_thread::sleep_for(kLockPoll);
  }
  return {};
}

// One write; what went out by half is taken back, so that no later line is glued to it.
std::string write_whole(int fd, const std::string& text, std::size_t size_before) {
  const ssize_t written = ::write(fd, text.data(), text.size());
  const int error = errno;
  if (written == static_cast<ssize_t>(text.size())) return {};
  if (written > 0 && ::ftruncate(fd, static_cast<off_t>(size_before)) != 0)
    return "a part of a line was written and cannot be taken back: " + errno_text(errno);
  return written < 0 ? errno_text(error) : "no space left for the whole line";
}

std::string append_locked(int fd, const std::string& name, const HostKey& key, const std::string& line) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return errno_text(errno);
  if (!S_ISREG(status.st_mode)) return "not a file";
  if (std::string problem = take_lock(fd); !problem.empty()) return problem;
  const FileText file = read_text(fd, kMaxKnownHostsBytes);
  if (!file.problem.empty()) return file.problem;
  if (stands_in(KnownHosts::parse(file.text), name, key)) return {};
  const bool line_is_open = !file.text.empty() && !file.text.ends_with('\n');
  std::string problem = write_whole(fd, (line_is_open ? "\n" : "") + line, file.text.size());
  if (problem.empty() && ::fsync(fd) != 0) problem = errno_text(errno);
  return problem;
}

}  // namespace

std::string append_known_host(const std::string& path, const std::string& name, const HostKey& key) {
  const std::string line = name + " " + key.type + " " + key.blob_base64 + "\n";
  const bool is_pattern = name.find_first_of("*?") != std::string::npos;
  if (is_pattern || !stands_in(KnownHosts::parse(line), name, key))
    return "\"" + name + "\" with this " + key.type + " key cannot be written as a known_hosts line";
  const std::string where = "cannot write " + path + ": ";
  if (const int error = create_parents(path); error != 0) return where + errno_text(error);
  const UniqueFd fd(::open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600));
  if (!fd) return where + errno_text(errno);
  const std::string problem = append_locked(fd.get(), name, key, line);
  return problem.empty() ? "" : where + problem;
}

}  // namespace tunneld::trust
