#include "daemon/up_request.h"

#include <strings.h>

#include <algorithm>
#include <utility>

#include "config/loader.h"
#include "core/duration.h"
#include "core/endpoint.h"
#include "core/sanitize.h"

namespace tunneld::daemon {
namespace {

using control::Json;
using Kind = control::Reply::Kind;

constexpr std::int64_t kDefaultWaitMs = 30'000;

config::LoadResult load_profiles(const Json& args) {
  config::LoadRequest request;
  request.sources = control::get_strings(args, "sources");
  request.overrides = control::get_string(args, "overrides");
  request.home = control::get_string(args, "home");
  request.user = control::get_string(args, "user");
  // The variables are the caller's: the daemon's own environment is that of whoever happened to start it.
  const Json* env = control::find(args, "env");
  request.env = [env](const std::string& name) -> std::optional<std::string> {
    if (env == nullptr || !env->is_object() || !env->contains(name) || !(*env)[name].is_string()) return std::nullopt;
    return (*env)[name].get<std::string>();
  };
  return config::load(request);
}

Error missing_profile(const config::LoadResult& loaded, const std::string& name) {
  for (const config::Finding& finding : loaded.findings) {
    if (finding.warning) continue;
    return {ErrorCode::profile_invalid, "the profile " + name + " cannot be loaded", {},
            to_string(finding.position) + ": " + finding.message, "run tunneld check"};
  }
  return {ErrorCode::no_such_profile, "there is no profile named " + name, {}, "", "tunneld check lists the profile files"};
}

Json forwards_of(const Tunnel& tunnel) {
  Json forwards = Json::array();
  for (const auto& forward : tunnel.forwards())
    forwards.push_back({{"name", forward->forward().name},
                        {"listen", to_string(forward->listen_endpoint())},
                        {"connect", to_string(forward->forward().connect)},
                        {"app", forward->forward().app}});
  return forwards;
}

// When it is another profile that listens there, its name says more than the daemon's pid.
void name_profile_on_port(TunnelSet& tunnels, const Profile& profile, Error& error) {
  if (error.code != ErrorCode::port_in_use) return;
  for (const Forward& wanted : profile.forwards) {
    if (wanted.name != error.where.forward) continue;
    for (const Tunnel* other : tunnels.all()) {
      for (const auto& held : other->forwards()) {
        const Endpoint listen = held->listen_endpoint();
        if (other->profile().name == profile.name || !held->listening() || !clash(listen, wanted.listen)) continue;
        error.cause = "the profile " + other->profile().name + " listens there (forward " + held->forward().name + ")";
        error.fix = "take that one down: tunneld down " + other->profile().name + "; or choose another listen address";
        if (listen.kind == Endpoint::Kind::tcp) error.fix += " (for once: --port " + error.where.forward + "=N)";
      }
    }
  }
}

const char* state_name(ssh::HopProgress::State state) {
  switch (state) {
    case ssh::HopProgress::State::started: return "started";
    case ssh::HopProgress::State::ok: return "ok";
    case ssh::HopProgress::State::failed: return "failed";
  }
  return "";
}

}  // namespace

UpRequest::UpRequest(TunnelSet& tunnels, loop::Loop& loop, const control::Request& request, std::uint64_t client,
                     Replies& replies)
    : tunnels_(tunnels),
      args_(request.args),
      restart_(request.verb == "restart"),
      interactive_(control::get_bool(request.args, "interactive")),
      lease_(control::get_bool(request.args, "lease")),
      wait_ms_(static_cast<std::uint64_t>(
          control::get_integer_in(request.args, "wait_ms", 0, kLongestDuration.count(), kDefaultWaitMs))),
      client_(client),
      replies_(replies),
      deadline_(loop, [this] { time_out(); }) {
  for (std::string& name : control::get_strings(request.args, "names"))
    if (pending_.try_emplace(name).second) names_.push_back(std::move(name));
  waiting_ = names_.size();
}

UpRequest::~UpRequest() { give_up_waiting(); }

void UpRequest::start() {
  arm_deadline();
  const config::LoadResult loaded = load_profiles(args_);
  for (const std::string& name : names_) {
    if (restart_ && tunnels_.find(name) == nullptr) {
      fail(name, {ErrorCode::not_up, name + " is not up", {}, "", "tunneld up " + name});
      continue;
    }
    const auto found = loaded.catalog.profiles.find(name);
    const Tunnel* standing = lease_ ? tunnels_.find(name) : nullptr;
    if (found != loaded.catalog.profiles.end()) {
      begin(name, found->second);
    } else if (standing != nullptr) {
      begin_orphaned(name, Profile(standing->profile()));
    } else {
      fail(name, missing_profile(loaded, name));
    }
  }
  finish_if_done();
}

void UpRequest::begin_orphaned(const std::string& name, const Profile& profile) {
  // Nobody else can have looked.
  if (const Json* given = control::find(args_, "ports"); given != nullptr && given->is_object())
    for (const auto& [forward, port] : given->items())
      if (std::none_of(profile.forwards.begin(), profile.forwards.end(),
                       [&](const Forward& each) { return each.name == forward; }))
        return fail(name, {ErrorCode::usage, name + " has no forward " + forward, {}, "", "tunneld ps shows its forwards"});
  pending_[name].outdated = pending_[name].orphaned = true;
  begin(name, profile);
}

void UpRequest::begin(const std::string& name, const Profile& profile) {
  Ports ports;
  if (const Json* given = control::find(args_, "ports"); given != nullptr && given->is_object()) {
    for (const Forward& forward : profile.forwards)
      if (const auto port = control::get_integer(*given, forward.name); port && *port >= 0 && *port <= 65'535)
        ports[forward.name] = static_cast<std::uint16_t>(*port);
  }
  const Claim claim = lease_ ? Claim::lease : restart_ ? Claim::restart : Claim::up;
  auto [tunnel, refused, outdated] = tunnels_.want(
      profile, ports, claim, {control::get_string(args_, "home"), control::get_string(args_, "agent")}, *this);
  if (refused) {
    Profile moved = profile;
    for (Forward& forward : moved.forwards)
      if (const auto port = ports.find(forward.name); port != ports.end()) forward.listen.port = port->second;
    name_profile_on_port(tunnels_, moved, *refused);
    refused->cause += (refused->cause.empty() ? "" : "; ") + name + " is left as it was";
    return fail(name, std::move(*refused));
  }
  pending_[name].outdated |= outdated;
  // Others want it where it is.
  for (const auto& forward : tunnel.forwards()) {
    const Endpoint listen = forward->listen_endpoint();
    const auto port = ports.find(forward->forward().name);
    if (lease_ && forward->listening() && port != ports.end() && port->second != 0 && port->second != listen.port)
      return fail(name, {ErrorCode::usage, name + " cannot listen on port " + std::to_string(port->second), {},
                         "it is up and listens on " + to_string(listen) + " (forward " + port->first + ")",
                         "leave --port out, or move it: tunneld up " + name + " --port " + port->first + "=" +
                             std::to_string(port->second)});
  }
  pending_[name].was_serving = tunnel.serving() && !restart_;
  const bool joins_dial = tunnel.state() == TunnelState::starting && !restart_;
  // When a port is taken the chain would come up for nothing.
  if (tunnel.state() != TunnelState::draining && !tunnel.listen() && tunnel.last_error()) {
    Error error = tunnel.last_error()->error;
    name_profile_on_port(tunnels_, tunnel.profile(), error);
    return fail(name, std::move(error));
  }
  if (restart_ && tunnel.state() != TunnelState::down)
    tunnel.restart();
  else
    tunnel.up();
  if (joins_dial) tunnel.tell_progress_so_far(*this);
  if (tunnel.serving()) succeed(tunnel);
}

void UpRequest::tunnel_progress(Tunnel& tunnel, int hop, const Host& host, const ssh::HopProgress& progress) {
  if (!pending_[tunnel.profile().name].waiting) return;
  replies_.send(Kind::event, {{"kind", "step"},
                              {"profile", tunnel.profile().name},
                              {"hop", host.name},
                              {"hop_number", hop},
                              {"hop_count", tunnel.profile().hops.size()},
                              {"step", progress.step},
                              {"state", state_name(progress.state)},
                              {"text", sanitize(progress.text)},
                              {"detail", sanitize(progress.detail)},
                              {"elapsed_ms", progress.elapsed_ms}});
}

bool UpRequest::tunnel_asks(Tunnel& tunnel, const Host& host, const std::string& text, const HostKey& key) {
  if (!interactive_ || !pending_[tunnel.profile().name].waiting) return false;
  Question question{tunnel.profile().name, host.name, key.fingerprint, sanitize_lines(text)};
  // A profile asks one thing at a time: when it was restarted meanwhile, what it asked before is void.
  const auto former = std::find_if(questions_.begin(), questions_.end(),
                                   [&question](const Question& each) { return each.profile == question.profile; });
  if (former != questions_.end()) {
    const bool same = former->hop == question.hop && former->fingerprint == question.fingerprint;
    *former = std::move(question);
    if (!same && former == questions_.begin()) ask(former->text);
    return true;
  }
  questions_.push_back(std::move(question));
  if (questions_.size() == 1) ask(questions_.front().text);
  return true;
}

void UpRequest::ask(const std::string& text) {
  deadline_.stop();  // a person who looks the fingerprint up takes the time that it takes
  replies_.send(Kind::prompt, {{"prompt", ++prompt_},
                               {"kind", "host_key"},
                               {"profile", questions_.front().profile},
                               {"hop", questions_.front().hop},
                               {"text", text}});
}

void UpRequest::answer(std::int64_t prompt, const std::string& text) {
  if (prompt != prompt_ || questions_.empty()) return;
  const Question asked = questions_.front();
  const bool accepted = ::strcasecmp(text.c_str(), "yes") == 0 || text == asked.fingerprint;
  if (!accepted && ::strcasecmp(text.c_str(), "no") != 0)
    return ask(std::string(text.starts_with("SHA256:") ? "That is not its fingerprint. " : "") +
               "Please type 'yes', 'no' or the fingerprint: ");
  questions_.pop_front();
  if (Tunnel* tunnel = tunnels_.find(asked.profile)) tunnel->answer(asked.fingerprint, accepted);
  if (!questions_.empty())
    ask(questions_.front().text);
  else if (!finished_)
    arm_deadline();
}

// The profile has ended otherwise: nobody need answer for it any more.
void UpRequest::drop_questions(const std::string& profile) {
  if (questions_.empty()) return;
  const bool was_asked = questions_.front().profile == profile;
  std::erase_if(questions_, [&profile](const Question& question) { return question.profile == profile; });
  if (!was_asked) return;
  if (questions_.empty())
    arm_deadline();
  else
    ask(questions_.front().text);
}

void UpRequest::arm_deadline() {
  deadline_.start(wait_ms_);
}

void UpRequest::tunnel_settled(Tunnel& tunnel) {
  const std::string name = tunnel.profile().name;
  if (!pending_[name].waiting) return;
  if (tunnel.serving()) return succeed(tunnel);
  if (tunnel.last_error()) fail(name, tunnel.last_error()->error);
}

void UpRequest::tunnel_down(Tunnel& tunnel) {
  const std::string name = tunnel.profile().name;
  if (!pending_[name].waiting) return;
  fail(name, tunnel.last_error() ? tunnel.last_error()->error
                                 : Error{ErrorCode::not_up, name + " was taken down by another command", {}, "", "run tunneld up again"});
}

void UpRequest::succeed(Tunnel& tunnel) {
  const std::string name = tunnel.profile().name;
  Pending& pending = pending_[name];
  if (!std::exchange(pending.waiting, false)) return;
  --waiting_;
  if (lease_)
    tunnels_.lease(name, client_);
  else
    tunnels_.keep(name);
  const Json forwards = forwards_of(tunnel);
  for (const Json& forward : forwards) {
    Json event = {{"kind", "listening"}, {"profile", name}, {"forward", forward["name"]}};
    for (const char* key : {"listen", "connect", "app"}) event[key] = forward[key];
    if (!pending.was_serving) replies_.send(Kind::event, std::move(event));
  }
  replies_.send(Kind::event,
                {{"kind", "profile_up"},
                 {"profile", name},
                 {"already", pending.was_serving},
                 {"outdated", pending.outdated},
                 {"idle", tunnel.chain() == nullptr},
                 {"forwards", forwards}});
  tunnels_.release(name, *this);
  finish_if_done();
}

void UpRequest::fail(const std::string& name, Error error) {
  Pending& pending = pending_[name];
  if (!std::exchange(pending.waiting, false)) return;
  --waiting_;
  if (error.where.profile.empty()) error.where.profile = name;
  if (pending.outdated && !pending.orphaned) error.fix += "; what has changed in its file since it came up is taken over by tunneld up " + name;
  pending.exit_code = static_cast<int>(error_info(error.code).exit_code);
  drop_questions(name);
  tunnels_.release(name, *this);  // first: who has been told must find nothing left of it
  replies_.send(Kind::event, {{"kind", "profile_failed"}, {"profile", name}, {"error", control::to_json(error)}});
  finish_if_done();
}

void UpRequest::finish_if_done() {
  if (finished_ || waiting_ > 0) return;
  int exit_code = 0;
  for (const std::string& name : names_)
    if (exit_code == 0) exit_code = pending_[name].exit_code;
  finished_ = true;
  deadline_.stop();
  replies_.send(Kind::result, {{"exit_code", exit_code}});  // the last: this is retired
}

void UpRequest::time_out() {
  for (const std::string& name : names_)
    if (pending_[name].waiting) fail(name, timed_out_error(name));
}

Error UpRequest::timed_out_error(const std::string& name) {
  const std::string waited = wait_ms_ % 1000 == 0 ? std::to_string(wait_ms_ / 1000) + " s" : std::to_string(wait_ms_) + " ms";
  Error error{ErrorCode::timed_out, name + " is not up after " + waited, {}, "--wait has passed",
              "give it more time with --wait, or look at tunneld logs " + name};
  const Tunnel* tunnel = tunnels_.find(name);
  if (tunnel == nullptr) return error;
  if (const auto dialling = tunnel->dialling()) {
    const auto& [hop, state] = *dialling;
    const std::vector<Host>& hops = tunnel->profile().hops;
    error.where = {name, hops[hop].name, static_cast<int>(hop) + 1, static_cast<int>(hops.size()), "", to_string(hops[hop].position)};
    error.cause += "; this hop is still " + std::string(to_string(state));
    if (state == HopState::needs_input) {
      error.cause += ": another tunneld up asks about its host key";
      error.fix = "answer there";
    }
    if (state == HopState::authenticating)
      error.cause += ", with the keys that it has or an ssh-agent, which may wait for a person";
  }
  if (tunnel->last_error()) error.cause += "; last error: " + tunnel->last_error()->error.message;
  return error;
}

void UpRequest::cancel() {
  finished_ = true;
  deadline_.stop();
  give_up_waiting();
}

void UpRequest::give_up_waiting() {
  for (auto& [name, pending] : pending_)
    if (std::exchange(pending.waiting, false)) tunnels_.release(name, *this);
  // A hop that waits for this person's answer would wait in vain.
  for (const Question& question : std::exchange(questions_, {}))
    if (Tunnel* tunnel = tunnels_.find(question.profile)) tunnel->withdraw_question();
}

}  // namespace tunneld::daemon
