// Ctrl-C and SIGTERM as something to poll for, so that a command can clean up before it ends.
#pragma once

#include <sys/signalfd.h>

#include <csignal>
#include <initializer_list>
#include <optional>

namespace tunneld::cli {

// While it lives, the given signals are blocked and readable at fd() (signalfd(2)). The process has one
// thread.
class Interrupts {
 public:
  Interrupts() : Interrupts({SIGINT, SIGTERM}) {}
  explicit Interrupts(std::initializer_list<int> signals);
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;

  int fd() const { return fd_; }
  // The next signal that has come; nothing when none has. Never blocks.
  std::optional<signalfd_siginfo> take();
  // The mask from before, for a child process.
  const sigset_t& outer_mask() const { return outer_mask_; }

 private:
  sigset_t outer_mask_{};
  int fd_ = -1;
};

}  // namespace tunneld::cli
