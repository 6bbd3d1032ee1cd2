// The daemon, as the command line sees it: run it, or look into the stores it keeps.
#pragma once

#include <memory>

#include <tunneld/host_key.h>

#include "core/paths.h"

namespace tunneld::daemon {

struct DaemonOptions {
  Paths paths;
  // Written once: "ok\n" when the control socket listens, else one line of JSON, the error object of CONTROL.md.
  // Then closed. -1: nobody waits.
  int ready_fd = -1;
  bool log_to_stderr = false;  // foreground
};

// Runs until SIGTERM, SIGINT or a `shutdown` request. Returns the process's exit code.
int run_daemon(const DaemonOptions& options);

// The host keys that a daemon with these paths would go by, for commands that only look.
std::unique_ptr<HostKeyStore> open_host_keys(const Paths& paths);

}  // namespace tunneld::daemon
