// The folders that hold the control socket and the daemon's state, and what is made in the first so that no other user can get in between:
// the folder itself, the daemon's lock, the listening socket.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"
#include "core/unique_fd.h"

namespace tunneld::trust {

// Makes the missing folders above `path` (not `path` itself) with mode 0700. Returns 0 or errno. What exists
// already is left as it is.
int create_parents(const std::string& path);

// What a private folder is for, as errors say it, and the variable that names another one.
struct DirUse {
  const char* holds;
  const char* variable;
};
inline constexpr DirUse kRuntimeDir{"the control socket", "XDG_RUNTIME_DIR"};
inline constexpr DirUse kStateDir{"the log and the host keys", "XDG_STATE_HOME"};

// Makes `path`, and what is missing above it, with mode 0700. What stands there must be a folder (not a
// symbolic link to one), ours, and 0700: looked at through a descriptor, so it cannot be swapped in between.
// Returns that descriptor. Errors: daemon_unreachable, with cause and fix.
Result<UniqueFd> open_private_dir(const std::string& path, const DirUse& use = kRuntimeDir);

// The lock that makes a daemon the only one: an flock, which the kernel drops when the process ends in
// whatever way. The file stays; it holds the pid of its last owner.
class LockFile {
 public:
  // Nothing: another process holds it. Errors: daemon_unreachable (a symbolic link, no permission, full disk,
  // ...). Never waits.
  static Result<std::optional<LockFile>> acquire(const std::string& path);

 private:
  explicit LockFile(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

// The pid that the lock file's owner wrote; 0 when there is none. Says nothing of whether it still runs.
pid_t lock_owner(const std::string& path);

// The socket is bound under path + this and then renamed to `path`. The kernel goes on calling it by the
// first name, in /proc/net/unix among others.
inline constexpr std::string_view kBindSuffix = ".new";

// A listening unix stream socket at `path`, mode 0600, non-blocking, close-on-exec; whoever sees its name can
// connect. Replaces the socket that a killed daemon left, but nothing that is not a socket. Only with the
// lock held and in a folder that open_private_dir approved of. Errors: daemon_unreachable.
Result<UniqueFd> bind_private_socket(const std::string& path);

// The user at the other end of a connected unix socket (SO_PEERCRED, as of connect or listen).
std::optional<uid_t> peer_uid(int fd);

}  // namespace tunneld::trust
