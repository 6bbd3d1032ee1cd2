#include "cli/bring_up.h"

#include <algorithm>
#include <charconv>

#include "cli/conversation.h"
#include "cli/live_line.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "core/control/json.h"

namespace tunneld::cli {
namespace {

using control::Json;
using Clock = std::chrono::steady_clock;

// Shows what the events say, or keeps it back while nobody needs to see it.
class Presenter {
 public:
  Presenter(const UpRequest& request, const Context& context)
      : context_(context),
        progress_(request.names.size() > 1, context.err.color),
        line_(context.err.live && context.progress != ProgressMode::quiet),
        show_from_(Clock::now() + request.quiet_for) {}

  void on_event(const Json& event) {
    for (const std::string& line : progress_.on_event(event, Clock::now())) kept_.push_back(line);
    if (control::get_string(event, "kind") == "profile_failed") {
      show_from_ = Clock::now();
      print_kept();
      const Json* error = control::find(event, "error");
      show_error(control::error_from_json(error ? *error : Json::object()));
    }
    on_tick();
  }

  void on_tick() {
    const auto now = Clock::now();
    if (now < show_from_) return;
    print_kept();
    line_.show(progress_.live_text(now));
  }

  void before_prompt() {
    show_from_ = Clock::now();
    print_kept();
    line_.clear();
  }

  int show_error(const Error& error) {
    line_.clear();
    if (error.code != ErrorCode::interrupted) return report(error, context_);
    write_err("Interrupted.\n");
    return exit_code_of(error.code);
  }

 private:
  void print_kept() {
    if (context_.progress != ProgressMode::quiet)
      for (const std::string& line : kept_) line_.print(line);
    kept_.clear();
  }

  const Context& context_;
  Progress progress_;
  LiveLine line_;
  Clock::time_point show_from_;
  std::vector<std::string> kept_;
};

}  // namespace

UpOutcome bring_up(Client& client, const UpRequest& request, const config::LoadResult& loaded,
                   const Context& context, Interrupts& interrupts) {
  UpOutcome outcome;
  Presenter presenter(request, context);
  Handlers handlers;
  handlers.on_event = [&](const Json& event) {
    const std::string profile = control::get_string(event, "profile");
    const bool up = control::get_string(event, "kind") == "profile_up";
    if (up) outcome.up[profile] = open_forwards(event);
    presenter.on_event(event);
    if (up && control::get_bool(event, "outdated"))
      warn(profile + " is used as it came up; " +
               (loaded.catalog.profiles.contains(profile) ? "take over what has changed since: tunneld up " + profile
                                                          : "there is no valid definition of it any more"),
           context);
  };
  handlers.before_prompt = [&] { presenter.before_prompt(); };
  // Only what is drawn again, or kept back for a time, needs the clock.
  if (context.err.live || request.quiet_for.count() > 0) handlers.on_tick = [&] { presenter.on_tick(); };
  const bool interactive = !request.no_input && person_is_there();
  const auto result = converse(client, request.verb, up_args(request, loaded, context, interactive), handlers,
                               interrupts, std::chrono::milliseconds(0));
  outcome.exit_code = result ? control::exit_code_in(*result, static_cast<int>(ExitCode::failed))
                             : presenter.show_error(result.error());
  return outcome;
}

PortsOption parse_ports(const std::vector<std::string>& entries) {
  PortsOption option;
  for (const std::string& entry : entries) {
    const std::size_t equals = entry.find('=');
    const std::string number = equals == std::string::npos ? "" : entry.substr(equals + 1);
    int port = -1;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), port);
    const bool is_port =
        error == std::errc{} && end == number.data() + number.size() && port >= 0 && port <= 65'535;
    if (equals == 0 || number.empty() || !is_port) {
      option.error = "--port takes FORWARD=PORT with a port of 0 to 65535, not \"" + entry + "\"";
      return option;
    }
    option.ports[entry.substr(0, equals)] = port;
  }
  return option;
}

std::string mistake_in_ports(const config::LoadResult& loaded, const UpRequest& request) {
  if (request.ports.empty()) return "";
  if (request.names.size() != 1) return "--port needs exactly one profile";
  const auto found = loaded.catalog.profiles.find(request.names.front());
  if (found == loaded.catalog.profiles.end()) return "";  // the daemon alone knows it
  const Profile& profile = found->second;
  std::vector<std::string> known;
  for (const Forward& forward : profile.forwards) {
    known.push_back(forward.name);
    if (request.ports.contains(forward.name) && forward.listen.kind == Endpoint::Kind::unix_socket)
      return profile.name + "'s forward " + forward.name + " listens on " + to_string(forward.listen) + ", which has no port";
  }
  for (const auto& [name, port] : request.ports)
    if (std::find(known.begin(), known.end(), name) == known.end())
      return profile.name + " has no forward " + name + "; it has " + join(known, ", ");
  return "";
}

Json up_args(const UpRequest& request, const config::LoadResult& loaded, const Context& context,
             bool interactive) {
  return {{"names", request.names},
          {"sources", context.paths.sources},
          {"overrides", context.paths.overrides},
          {"home", context.paths.home},
          {"user", context.user},
          {"env", loaded.variables},
          {"agent", context.env("SSH_AUTH_SOCK").value_or("")},
          {"interactive", interactive},
          {"wait_ms", request.wait.count()},
          {"ports", request.ports},
          {"lease", request.lease}};
}

}  // namespace tunneld::cli
