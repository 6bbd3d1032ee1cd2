#include "cli/interrupts.h"

#include <unistd.h>

namespace tunneld::cli {

Interrupts::Interrupts(std::initializer_list<int> signals) {
  sigset_t mask;
  sigemptyset(&mask);
  for (const int signal : signals) sigaddset(&mask, signal);
  sigprocmask(SIG_BLOCK, &mask, &outer_mask_);
  fd_ = ::signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
}

Interrupts::~Interrupts() {
  if (fd_ >= 0) ::close(fd_);
  sigprocmask(SIG_SETMASK, &outer_mask_, nullptr);
}

std::optional<signalfd_siginfo> Interrupts::take() {
  signalfd_siginfo info{};
  if (::read(fd_, &info, sizeof info) != static_cast<ssize_t>(sizeof info)) return std::nullopt;
  return info;
}

}  // namespace tunneld::cli
