// A command of the user's, run in the foreground as a shell would run it.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "cli/interrupts.h"

namespace tunneld::cli {

inline constexpr int kCommandNotFound = 127;  // as POSIX shells say it
inline constexpr int kCommandNotExecutable = 126;

struct ChildResult {
  int exit_code =
      0;  // the command's; 128 + n when signal n ended it; 126 or 127 when it could not be started
  std::string error;  // why it could not be started; else empty
};

// Runs `command` (found by PATH) in our process group with `variables` added to our environment and waits for
// it. `interrupts` must hold SIGINT, SIGTERM, SIGHUP, SIGQUIT and SIGCHLD: what is sent to us alone is passed
// on; what the terminal sends has reached the command as well. While `on_watched` returns true it is called
// whenever `watched_fd` is readable.
ChildResult run_child(const std::vector<std::string>& command,
                      const std::map<std::string, std::string>& variables, Interrupts& interrupts,
                      int watched_fd, const std::function<bool()>& on_watched);

}  // namespace tunneld::cli
