#include "daemon/down_request.h"

#include <algorithm>
#include <utility>

#include "core/duration.h"

namespace tunneld::daemon {
namespace {

using control::Json;
using Kind = control::Reply::Kind;

constexpr std::int64_t kDefaultDrainMs = 5'000;

}  // namespace

DownRequest::DownRequest(TunnelSet& tunnels, Gatekeeper& gatekeeper, const control::Request& request, Replies& replies,
                         std::function<void()> when_done)
    : tunnels_(tunnels),
      gatekeeper_(gatekeeper),
      args_(request.args),
      all_(request.verb == "shutdown" || control::get_bool(request.args, "all")),
      replies_(replies),
      when_done_(std::move(when_done)) {}

DownRequest::~DownRequest() { cancel(); }

void DownRequest::start() {
  std::vector<Tunnel*> tunnels;
  if (all_) {
    tunnels = tunnels_.all();
  } else {
    for (const std::string& name : control::get_strings(args_, "names")) {
      if (Tunnel* tunnel = tunnels_.find(name)) {
        if (std::find(tunnels.begin(), tunnels.end(), tunnel) == tunnels.end()) tunnels.push_back(tunnel);
        continue;
      }
      report_failure(name, {ErrorCode::not_up, name + " is not up", {}, "", "tunneld ps shows what is"});
    }
  }
  name_clients(tunnels);
  for (Tunnel* tunnel : tunnels) begin(*tunnel);
  finish_if_done();
}

void DownRequest::begin(Tunnel& tunnel) {
  const std::int64_t drain_ms = control::get_integer_in(args_, "drain_ms", 0, kLongestDuration.count(), kDefaultDrainMs);
  const std::string name = tunnel.profile().name;
  tunnels_.take_down(name, static_cast<std::uint64_t>(drain_ms), *this);
  if (tunnel.state() != TunnelState::draining || !tunnel.serves_clients() || tunnel.drains_for_ms() == 0) return;
  replies_.send(Kind::event, {{"kind", "profile_draining"},
                              {"profile", name},
                              {"connections", tunnel.connections()},
                              {"drain_ms", tunnel.drains_for_ms()}});
}

void DownRequest::name_clients(const std::vector<Tunnel*>& tunnels) {
  constexpr std::size_t kMaxNamed = 50;  // of a profile: a person reads no more, and a frame is bounded
  std::map<std::string, std::vector<std::pair<std::string, const forward::Client*>>> named;
  std::vector<int> fds;
  for (const Tunnel* tunnel : tunnels) {
    auto& clients = named[tunnel->profile().name];
    for (const auto& forward : tunnel->forwards()) {
      for (const auto& [key, client] : forward->clients()) {
        if (clients.size() >= kMaxNamed) break;
        clients.emplace_back(forward->forward().name, client.get());
        fds.push_back(client->fd());
      }
    }
  }
  const std::map<int, trust::Process> processes = gatekeeper_.processes_behind(fds);
  for (const auto& [profile, clients] : named) {
    going_[profile] = Json::array();
    for (const auto& [forward, client] : clients) {
      const auto process = processes.find(client->fd());
      const bool known = process != processes.end();
      going_[profile].push_back({{"forward", forward},
                                 {"peer", client->peer()},
                                 {"process", known ? process->second.name : ""},
                                 {"pid", known ? process->second.pid : 0}});
    }
  }
}

void DownRequest::tunnel_down(Tunnel& tunnel) {
  const auto found = going_.find(tunnel.profile().name);
  if (found == going_.end()) return;
  if (!finished_)
    replies_.send(Kind::event,
                  {{"kind", "profile_down"}, {"profile", found->first}, {"clients", std::move(found->second)}});
  going_.erase(found);
  finish_if_done();
}

void DownRequest::report_failure(const std::string& name, Error error) {
  if (exit_code_ == 0) exit_code_ = static_cast<int>(error_info(error.code).exit_code);
  error.where.profile = name;
  if (!finished_)
    replies_.send(Kind::event, {{"kind", "profile_failed"}, {"profile", name}, {"error", control::to_json(error)}});
}

// An `up` came while its clients were waited for: it stays.
void DownRequest::asked_for_again(Tunnel& tunnel) {
  const std::string name = tunnel.profile().name;
  if (tunnel.state() == TunnelState::draining || going_.erase(name) == 0) return;
  report_failure(name, {ErrorCode::interrupted, name + " was asked for again while it went down", {}, "",
                        "tunneld down " + name + " --drain=0s"});
  tunnels_.release(name, *this);
  finish_if_done();
}

void DownRequest::finish_if_done() {
  if (finished_ || !going_.empty()) return;
  finished_ = true;
  const std::function<void()> when_done = when_done_;
  replies_.send(Kind::result, {{"exit_code", exit_code_}});  // the last: this is retired
  if (when_done) when_done();
}

void DownRequest::cancel() {
  finished_ = true;
  for (const auto& [name, clients] : std::exchange(going_, {})) tunnels_.release(name, *this);
}

}  // namespace tunneld::daemon
