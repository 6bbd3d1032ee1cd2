#include "daemon/entry.h"

#include <malloc.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>

#include "core/control/message.h"
#include "daemon/daemon.h"
#include "daemon/memory.h"
#include "ssh/library.h"
#include "trust/host_keys.h"
#include "trust/private_dir.h"

namespace tunneld::daemon {
namespace {

constexpr int kLockTries = 30;
constexpr useconds_t kLockPauseUs = 10'000;

void prepare_process() {
  std::signal(SIGPIPE, SIG_IGN);  // libssh's agent code sends without MSG_NOSIGNAL
  std::signal(SIGHUP, SIG_IGN);   // it outlives the terminal it was started from
  // Each client is a descriptor: as many as the system lets us have, below libssh's limit of 16 bits.
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = std::min<rlim_t>(files.rlim_max, 60'000);
    ::setrlimit(RLIMIT_NOFILE, &files);
  }
  // Keys pass through this memory: it is not dumped, and no other process of the user looks into it.
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  keep_page_map();
  ::prctl(PR_SET_DUMPABLE, 0);
  // Buffers of a window's size come and go with clients. With these they are mapped, and given back when freed; glibc
  // would else learn to keep them.
  ::mallopt(M_MMAP_THRESHOLD, 256 * 1024);
  ::mallopt(M_TRIM_THRESHOLD, 512 * 1024);
  ::mallopt(M_ARENA_MAX, 1);
  // An agent that waits for a touch holds a thread of the pool: name lookups must still find one.
  ::setenv("UV_THREADPOOL_SIZE", "8", 1);
}

int report_failure(const DaemonOptions& options, const Error& error) {
  if (options.ready_fd >= 0) {
    const std::string line = control::dump(control::to_json(error)) + "\n";
    (void)!::write(options.ready_fd, line.data(), line.size());
    ::close(options.ready_fd);
  } else {
    std::fputs(render_error(error).c_str(), stderr);
  }
  return static_cast<int>(error_info(error.code).exit_code);
}

}  // namespace

int run_daemon(const DaemonOptions& options) {
  prepare_process();
  if (Result<void> usable = ssh::check_library(); !usable) return report_failure(options, usable.error());
  const std::string folder = std::filesystem::path(options.paths.socket).parent_path();
  Result<UniqueFd> runtime_dir = trust::open_private_dir(folder);
  if (!runtime_dir) return report_failure(options, runtime_dir.error());
  Result<UniqueFd> state_dir = trust::open_private_dir(options.paths.state_dir, trust::kStateDir);
  if (!state_dir) return report_failure(options, state_dir.error());
  Result<std::optional<trust::LockFile>> lock = trust::LockFile::acquire(options.paths.lock);
  // One that was killed holds it until the kernel is done with it.
  for (int i = 0; i < kLockTries && lock && !*lock; ++i) {
    ::usleep(kLockPauseUs);
    lock = trust::LockFile::acquire(options.paths.lock);
  }
  if (!lock) return report_failure(options, lock.error());
  if (!*lock) {
    return report_failure(options, {ErrorCode::daemon_unreachable, "a daemon runs already", {},
                                    "process " + std::to_string(trust::lock_owner(options.paths.lock)) + " holds " +
                                        options.paths.lock,
                                    "use it; or end it with tunneld shutdown"});
  }
  Result<UniqueFd> listener = trust::bind_private_socket(options.paths.socket);
  if (!listener) return report_failure(options, listener.error());
  Result<trust::PeerOwner> peers = trust::PeerOwner::open();
  {
    Daemon daemon(options, std::move(*listener),
                  peers ? std::optional<trust::PeerOwner>(std::move(*peers)) : std::nullopt, [&] {
                    ::unlink(options.paths.socket.c_str());
                    lock->reset();
                  });
    if (options.ready_fd >= 0) {
      (void)!::write(options.ready_fd, "ok\n", 3);
      ::close(options.ready_fd);
    }
    daemon.run();
  }
  return static_cast<int>(ExitCode::done);
}

std::unique_ptr<HostKeyStore> open_host_keys(const Paths& paths) {
  return std::make_unique<trust::HostKeys>(trust::usual_host_key_files(paths.known_hosts, paths.home));
}

}  // namespace tunneld::daemon
