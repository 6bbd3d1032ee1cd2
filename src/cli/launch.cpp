#include "cli/launch.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string>

#include "cli/output.h"
#include "core/control/message.h"

namespace tunneld::cli {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto kReadyTimeout = 10s;
// Another command's daemon holds the lock before it listens; it needs far less than this.
constexpr auto kRaceTimeout = 2s;
constexpr auto kRacePoll = 20ms;
constexpr int kReadyFd = 3;

Error cannot_start(const Context& context, std::string cause) {
  return make_error(
      ErrorCode::daemon_unreachable, "the daemon cannot be started", std::move(cause),
      "look into " + context.paths.log + ", or run \"tunneld daemon --foreground\" to see what it says");
}

// The binary's own path, so that the process is named after it; the link itself when the file has been
// replaced.
std::string own_executable() {
  std::array<char, PATH_MAX> path;
  const ssize_t length = ::readlink("/proc/self/exe", path.data(), path.size());
  const std::string target(path.data(), length > 0 ? static_cast<std::size_t>(length) : 0);
  return ::access(target.c_str(), X_OK) == 0 ? target : "/proc/self/exe";
}

// In the child, between fork and exec. Signals that the parent ignores would stay ignored across exec.
void reset_signals() {
  for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

// From 2 KiB on glibc copies with "rep movsb", which AMD's processors do several times more slowly than its own loop
// (glibc bug 30994, mended in 2.40). Copies are much of what the daemon does. It is read when a process starts, and only
// then; whoever sets another tunable keeps it.
void prefer_copying_by_loop() {
  std::string tunables = "glibc.cpu.x86_rep_movsb_threshold=1073741824";
  if (const char* own = ::getenv("GLIBC_TUNABLES"); own != nullptr && *own != '\0') tunables += std::string(":") + own;
  ::setenv("GLIBC_TUNABLES", tunables.c_str(), 1);
}

[[noreturn]] void become_daemon(int ready_fd, const std::string& executable) {
  ::setsid();
  // The second fork gives up the session's lead, so that no terminal can become ours again.
  if (::fork() != 0) ::_exit(0);
  reset_signals();
  prefer_copying_by_loop();
  ::umask(077);
  const int null_fd = ::open("/dev/null", O_RDWR);
  // Clear of 0..3 first: dup2 below must not close what it still needs.
  const int ready = ::fcntl(ready_fd, F_DUPFD, kReadyFd + 1);
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(null_fd, fd);
  ::dup2(ready, kReadyFd);
  ::close_range(kReadyFd + 1, ~0U, 0);
  if (::chdir("/") != 0) ::_exit(1);
  ::execl(executable.c_str(), "tunneld", "daemon", "--ready-fd", "3", static_cast<char*>(nullptr));
  ::_exit(127);
}

// Reads the one line that DaemonOptions::ready_fd promises; empty when the daemon ended or the time passed.
std::string read_ready_line(int fd) {
  std::string line;
  const auto deadline = Clock::now() + kReadyTimeout;
  while (line.size() < control::kMaxFrameBytes && !line.ends_with('\n')) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd item{.fd = fd, .events = POLLIN, .revents = 0};
    const int count = left > 0 ? ::poll(&item, 1, static_cast<int>(left)) : 0;
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return "";
    std::array<char, 4096> buffer;
    const ssize_t length = ::read(fd, buffer.data(), buffer.size());
    if (length <= 0) return "";
    line.append(buffer.data(), static_cast<std::size_t>(length));
  }
  return line;
}

// Nothing when the daemon listens; else why it does not.
std::optional<Error> start_daemon(const Context& context) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return cannot_start(context, std::strerror(errno));
  // The daemon runs in "/": a relative path would mean another place there.
  if (context.env("TUNNELD_SOCKET")) ::setenv("TUNNELD_SOCKET", context.paths.socket.c_str(), 1);
  const std::string executable = own_executable();
  const pid_t child = ::fork();
  if (child == 0) become_daemon(ends[1], executable);
  ::close(ends[1]);
  if (child < 0) {
    ::close(ends[0]);
    return cannot_start(context, std::strerror(errno));
  }
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) continue;
  const std::string line = read_ready_line(ends[0]);
  ::close(ends[0]);
  if (line == "ok\n") return std::nullopt;
  if (const auto json = control::parse_object(line)) return control::error_from_json(*json);
  return cannot_start(
      context, "it ended, or did not get ready within " + std::to_string(kReadyTimeout.count()) + " s");
}

Result<void> check_version(const Client& client, const Context& context) {
  if (!client.speaks_our_protocol())
    return fail(make_error(ErrorCode::daemon_protocol,
                           "the running daemon (version " + client.peer_version() + ", pid " +
                               std::to_string(client.peer_pid()) +
                               ") does not understand this tunneld (version " + TUNNELD_VERSION + ")",
                           "one of the two was updated while the daemon ran",
                           "run \"tunneld shutdown\", then \"tunneld up\" again"));
  if (client.peer_version() != TUNNELD_VERSION)
    warn("the running daemon is version " + client.peer_version() + ", this is tunneld " + TUNNELD_VERSION +
             "; \"tunneld shutdown\" and then \"tunneld up\" start the new one",
         context);
  return {};
}

}  // namespace

Result<std::optional<Client>> connect_if_running(const Context& context) {
  auto client = Client::connect(context.paths.socket);
  if (!client || !*client) return client;
  if (auto checked = check_version(**client, context); !checked) return fail(checked.error());
  return client;
}

Result<Client> connect_or_start(const Context& context) {
  auto client = connect_if_running(context);
  if (!client) return fail(client.error());
  if (*client) return std::move(**client);

  const std::optional<Error> failed = start_daemon(context);
  const auto deadline = Clock::now() + kRaceTimeout;
  while (true) {
    client = connect_if_running(context);
    if (!client) return fail(client.error());
    if (*client) return std::move(**client);
    if (Clock::now() >= deadline) break;
    ::poll(nullptr, 0, static_cast<int>(kRacePoll / 1ms));
  }
  return fail(failed.value_or(cannot_start(context, "it got ready and was gone at once")));
}

}  // namespace tunneld::cli
