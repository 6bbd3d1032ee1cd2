// A tunnel's clients: who is let in, who waits and where, and what of them `status` tells.
#include <algorithm>
#include <utility>

#include "daemon/tunnel.h"

namespace tunneld::daemon {

bool Tunnel::forward_admits(forward::LocalForward& forward, const forward::Accepted& client) {
  Error error;
  if (connections() >= static_cast<std::size_t>(profile_.max_connections)) {
    error = {ErrorCode::too_many_connections, "a client of " + to_string(forward.listen_endpoint()) + " was reset", {},
             "all " + std::to_string(profile_.max_connections) + " connections (max_connections) are in use",
             "close some, or raise max_connections of this profile"};
  } else {
    switch (services_.gatekeeper.judge(profile_.access, forward.forward().listen, client.fd.get())) {
      case Gatekeeper::Verdict::admitted: return true;
      case Gatekeeper::Verdict::gone: return false;  // a port scan or a health check: nothing to tell
      case Gatekeeper::Verdict::stranger: break;
    }
    error = {ErrorCode::peer_not_allowed, "a client of " + to_string(forward.listen_endpoint()) + " was reset", {},
             "it belongs to another user of this machine, or to none that can be told",
             "set access of this profile to any, or to a list of users, if others may use it"};
  }
  error.where.forward = forward.forward().name;
  note_client_error(std::move(error));
  return false;
}

// What happened to one client must not hide why the chain is down.
void Tunnel::note_client_error(Error error) {
  const bool stands = state_ == TunnelState::up || state_ == TunnelState::degraded || (chain_ && chain_->ready());
  if (stands || !last_error_) return note_error(std::move(error));
  services_.log.warn(profile_.name, std::string(error_info(error.code).name) + ": " + error.message);
}

bool Tunnel::awaited(const ssh::Session& session) const {
  return std::any_of(forwards_.begin(), forwards_.end(), [&session](const auto& each) { return each->waits_in(session); });
}

void Tunnel::lane_stalls(const ssh::Session& session) {
  for (const auto& forward : forwards_) forward->leave_session(session);
}

bool Tunnel::lanes_changed() {
  for (const auto& forward : forwards_) forward->serve_held();
  return clients_held();
}

void Tunnel::forward_holds(forward::LocalForward&) {
  // A chain that stands and yet serves nobody has just failed, and is about to say why: that finds the client waiting.
  const bool standing = state_ == TunnelState::up || state_ == TunnelState::degraded;
  if (!standing || !chain_) event(TunnelEvent::client_waiting);
  if (state_ == TunnelState::needs_action) credentials_.look();
}

void Tunnel::forward_client_began(forward::LocalForward&) { idle_.stop(); }

void Tunnel::forward_client_ended(forward::LocalForward&) {
  if (connections() == 0) {
    if (state_ == TunnelState::draining) drain_.start(0);
    watch_idleness();
  }
  observer_.tunnel_client_ended(*this);
}

void Tunnel::forward_error(forward::LocalForward&, Error error) {
  if (error.where.hop_number == 0 && !error.where.hop.empty()) {
    error.where.hop_number = static_cast<int>(profile_.hops.size());
    error.where.hop_count = static_cast<int>(profile_.hops.size());
  }
  note_client_error(std::move(error));
}

std::size_t Tunnel::connections() const {
  std::size_t count = 0;
  for (const auto& forward : forwards_) count += forward->connections();
  return count;
}

void Tunnel::watch_idleness() {
  if (!profile_.idle_timeout || connections() > 0 || !chain_ || !chain_->ready()) return;
  idle_.start(static_cast<std::uint64_t>(profile_.idle_timeout->count()));
}

bool Tunnel::clients_held() const {
  return std::any_of(forwards_.begin(), forwards_.end(), [](const auto& forward) { return forward->held() > 0; });
}

}  // namespace tunneld::daemon
