// `daemon` and `shutdown`.
#include <sys/prctl.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "cli/commands.h"
#include "cli/conversation.h"
#include "cli/launch.h"
#include "cli/output.h"
#include "cli/text.h"

namespace tunneld::cli {
namespace {

struct DaemonCommandOptions {
  bool foreground = false;
  int ready_fd = -1;
};
struct ShutdownOptions {
  std::string drain = "0s";
};

int start_detached(const Context& context) {
  auto running = connect_if_running(context);
  if (!running) return report(running.error(), context);
  if (*running) {
    write_err("The daemon runs already (pid " + std::to_string((*running)->peer_pid()) + ").\n");
    return 0;
  }
  const auto started = connect_or_start(context);
  if (!started) return report(started.error(), context);
  write_err("The daemon runs now (pid " + std::to_string(started->peer_pid()) + ").\n");
  return 0;
}

int run_daemon_command(const DaemonCommandOptions& options, const Context& context) {
  if (!options.foreground && options.ready_fd < 0) return start_detached(context);
  // The name that ps and top show, also when the binary was started through a link of another name.
  ::prctl(PR_SET_NAME, "tunneld");
  return context.wiring.run_daemon(
      {.paths = context.paths, .ready_fd = options.ready_fd, .log_to_stderr = options.foreground});
}

// Nothing more is expected once the daemon has closed its end.
Result<void> wait_for_end(Client& client) {
  while (true) {
    const auto more = client.read_more();
    if (!more) return fail(more.error());
    if (!*more) return {};
    while (true) {
      const auto reply = client.take();
      if (!reply) return fail(reply.error());
      if (!*reply) break;
    }
  }
}

// A daemon of another protocol version cannot be asked; SIGTERM has the same meaning. The pid is the kernel's
// word, and the uid behind it is ours.
Result<void> stop_foreign_version(Client& client) {
  if (::kill(client.peer_pid(), SIGTERM) != 0)
    return fail(make_error(ErrorCode::daemon_unreachable, "cannot stop the daemon", std::strerror(errno)));
  return wait_for_end(client);
}

Result<void> stop(Client& client, Milliseconds drain) {
  if (!client.speaks_our_protocol()) return stop_foreign_version(client);
  Interrupts interrupts;
  const auto result = converse(client, "shutdown", {{"drain_ms", drain.count()}}, Handlers{}, interrupts,
                               drain + kPromptReply);
  if (!result) return fail(result.error());
  return wait_for_end(client);
}

int run_shutdown(const ShutdownOptions& options, const Context& context) {
  const auto drain = duration_option("--drain", options.drain, "see \"tunneld shutdown --help\"", context);
  if (!drain) return exit_code_of(ErrorCode::usage);
  auto client = Client::connect(context.paths.socket);
  if (!client) return report(client.error(), context);
  if (!*client) {
    write_err("No daemon is running.\n");
    return 0;
  }
  if (auto stopped = stop(**client, *drain); !stopped) {
    Error error = stopped.error();
    if (error.code == ErrorCode::interrupted) {
      error.cause = "what drains goes down all the same; the daemon goes on, unless another shutdown waits";
      error.fix = "tunneld shutdown --drain 0s ends it now";
    }
    return report(error, context);
  }
  write_err("The daemon has stopped.\n");
  return 0;
}

}  // namespace

void add_shutdown(CLI::App& app, Commands& commands) {
  CLI::App* command = app.add_subcommand("shutdown", "Close every profile and end the daemon");
  auto options = std::make_shared<ShutdownOptions>();
  command->add_option("--drain", options->drain, "Let connections end by themselves for this long")
      ->type_name("DURATION")
      ->capture_default_str();
  commands.push_back(
      {command, [options](const Context& context) { return run_shutdown(*options, context); }});
}

void add_daemon(CLI::App& app, Commands& commands) {
  CLI::App* command = app.add_subcommand("daemon", "Start the daemon; \"up\" does so by itself");
  auto options = std::make_shared<DaemonCommandOptions>();
  command->add_flag("--foreground", options->foreground, "Stay in this terminal and log to stderr");
  // Hidden: how the detached daemon is told whom to say that it is ready (launch.cpp).
  command->add_option("--ready-fd", options->ready_fd, "")->group("");
  commands.push_back(
      {command, [options](const Context& context) { return run_daemon_command(*options, context); }});
}

}  // namespace tunneld::cli
