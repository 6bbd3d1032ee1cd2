#include "cli/child.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace tunneld::cli {
namespace {

[[noreturn]] void become(const std::vector<std::string>& command,
                         const std::map<std::string, std::string>& variables, const sigset_t& mask,
                         int error_fd) {
  std::vector<char*> argv;
  for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  for (const auto& [name, value] : variables) ::setenv(name.c_str(), value.c_str(), 1);
  ::signal(SIGPIPE, SIG_DFL);
  sigprocmask(SIG_SETMASK, &mask, nullptr);
  ::execvp(argv[0], argv.data());
  const int error = errno;
  (void)!::write(error_fd, &error, sizeof error);
  ::_exit(kCommandNotFound);
}

int exit_code_from(int status) {
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

// The errno of exec; 0 once exec has closed the pipe.
int read_exec_error(int fd) {
  int error = 0;
  ssize_t count = 0;
  do count = ::read(fd, &error, sizeof error);
  while (count < 0 && errno == EINTR);
  return count == static_cast<ssize_t>(sizeof error) ? error : 0;
}

int wait_for_child(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  return status;
}

// True when the child has ended.
bool handle_signals(pid_t child, Interrupts& interrupts, int& status) {
  while (const auto signal = interrupts.take()) {
    // SI_KERNEL: the terminal's, for the whole process group. Others were meant for us alone.
    if (signal->ssi_signo != SIGCHLD && signal->ssi_code != SI_KERNEL)
      ::kill(child, static_cast<int>(signal->ssi_signo));
  }
  return ::waitpid(child, &status, WNOHANG) == child;
}

}  // namespace

ChildResult run_child(const std::vector<std::string>& command,
                      const std::map<std::string, std::string>& variables, Interrupts& interrupts,
                      int watched_fd, const std::function<bool()>& on_watched) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return {.exit_code = 1, .error = std::strerror(errno)};
  const pid_t child = ::fork();
  if (child == 0) become(command, variables, interrupts.outer_mask(), ends[1]);
  const int fork_error = errno;
  ::close(ends[1]);
  const int exec_error = child < 0 ? fork_error : read_exec_error(ends[0]);
  ::close(ends[0]);
  if (child < 0) return {.exit_code = 1, .error = std::strerror(fork_error)};
  if (exec_error != 0) {
    wait_for_child(child);
    const bool missing = exec_error == ENOENT || exec_error == ENOTDIR;
    return {.exit_code = missing ? kCommandNotFound : kCommandNotExecutable,
            .error = missing ? "command not found" : std::strerror(exec_error)};
  }
  bool watching = true;
  int status = 0;
  while (!handle_signals(child, interrupts, status)) {
    std::array<pollfd, 2> items = {{{.fd = interrupts.fd(), .events = POLLIN, .revents = 0},
                                    {.fd = watching ? watched_fd : -1, .events = POLLIN, .revents = 0}}};
    if (::poll(items.data(), items.size(), -1) > 0 && items[1].revents != 0) watching = on_watched();
  }
  return {.exit_code = exit_code_from(status), .error = {}};
}

}  // namespace tunneld::cli
