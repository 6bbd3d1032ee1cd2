#include "daemon/tunnel_set.h"

#include <algorithm>
#include <utility>

#include "daemon/memory.h"

namespace tunneld::daemon {
namespace {

// What has ended, and what has come up, gives back this long after the last of it.
constexpr std::uint64_t kTrimDelayMs = 500;

bool leaves_port_open(const Forward& forward) {
  return forward.listen.kind == Endpoint::Kind::tcp && forward.listen.port == 0;
}

// What the tunnel works from, with the ports that it listens on.
Profile definition_of(const Tunnel& tunnel) {
  Profile profile = tunnel.profile();
  for (std::size_t i = 0; i < profile.forwards.size(); ++i)
    if (leaves_port_open(profile.forwards[i]))
      profile.forwards[i].listen.port = tunnel.forwards()[i]->listen_endpoint().port;
  return profile;
}

// Whether the tunnel does what this profile asks for. Any port will do where it leaves one open; where it stands in which
// files does not matter.
bool does_the_work(const Tunnel& tunnel, Profile wanted) {
  Profile present = definition_of(tunnel);
  for (Forward& forward : wanted.forwards)
    for (const Forward& other : present.forwards)
      if (leaves_port_open(forward) && other.name == forward.name && other.listen.kind == Endpoint::Kind::tcp)
        forward.listen.port = other.listen.port;
  for (Profile* profile : {&present, &wanted}) {
    profile->position = {};
    profile->files.clear();
    profile->description.clear();
    profile->tags.clear();
    for (Host& host : profile->hops) {
      host.position = {};
      host.tags.clear();
    }
    for (Forward& forward : profile->forwards) forward.position = {};
  }
  return present == wanted;
}

}  // namespace

Wanted TunnelSet::want(Profile profile, Ports ports, Claim claim, const CallerSetting& caller,
                        TunnelObserver& waiter) {
  Entry& entry = entries_[profile.name];
  if (claim != Claim::up) ports.insert(entry.ports.begin(), entry.ports.end());
  for (Forward& forward : profile.forwards)
    if (const auto port = ports.find(forward.name); port != ports.end()) forward.listen.port = port->second;
  const bool fits = entry.tunnel && does_the_work(*entry.tunnel, profile);
  const bool borrowed = claim == Claim::lease && wanted_by_others(entry);
  const bool outdated = borrowed && !fits;
  const bool replaces = entry.tunnel && !fits && !outdated;
  // Found out before anything is closed.
  if (replaces)
    if (std::optional<Error> error = entry.tunnel->cannot_listen_as(profile)) return {*entry.tunnel, std::move(error)};
  if (!borrowed) entry.ports = std::move(ports);
  std::unique_ptr<Tunnel> replaced;
  std::vector<TunnelObserver*> its_waiters;
  if (replaces) {
    services_.log.info(profile.name, "the profile has changed: it starts anew");
    remember_ports(*entry.tunnel);
    entry.tunnel->close();
    replaced = std::move(entry.tunnel);
    its_waiters.swap(entry.waiters);
  }
  if (entry.tunnel) {
    if (!borrowed) entry.tunnel->set_caller(caller);
  } else {
    entry.tunnel = std::make_unique<Tunnel>(services_, std::move(profile), caller, static_cast<TunnelObserver&>(*this));
    suggest_ports(*entry.tunnel);
  }
  entry.waiters.push_back(&waiter);
  Tunnel& tunnel = *entry.tunnel;
  for (TunnelObserver* each : its_waiters) each->tunnel_down(*replaced);
  if (replaced) services_.loop.retire(std::move(replaced));
  return {tunnel, std::nullopt, outdated};
}

bool TunnelSet::wanted_by_others(const Entry& entry) const {
  if (!entry.tunnel || entry.tunnel->state() == TunnelState::draining) return false;
  return entry.tunnel->kept() || !entry.leases.empty() || !entry.waiters.empty();
}

Tunnel* TunnelSet::find(const std::string& name) {
  const auto found = entries_.find(name);
  return found == entries_.end() ? nullptr : found->second.tunnel.get();
}

std::vector<Tunnel*> TunnelSet::all() {
  std::vector<Tunnel*> tunnels;
  for (const auto& [name, entry] : entries_) tunnels.push_back(entry.tunnel.get());
  return tunnels;
}

void TunnelSet::keep(const std::string& name) {
  if (const auto found = entries_.find(name); found != entries_.end()) found->second.tunnel->keep(true);
}

void TunnelSet::lease(const std::string& name, std::uint64_t holder) {
  if (const auto found = entries_.find(name); found != entries_.end()) found->second.leases.insert(holder);
}

void TunnelSet::end_leases(std::uint64_t holder) {
  std::vector<std::string> leased;
  for (auto& [name, entry] : entries_)
    if (entry.leases.erase(holder) > 0) leased.push_back(name);
  // Nobody has asked for an end: the next `exec` may be about to come.
  for (const std::string& name : leased) drop_if_unwanted(name, ssh::AfterUse::linger);
}

void TunnelSet::release(const std::string& name, TunnelObserver& waiter) {
  const auto found = entries_.find(name);
  if (found == entries_.end()) return;
  std::erase(found->second.waiters, &waiter);
  // Whoever wanted it has it not, and nobody is about to: it could not be started, and would only swallow clients.
  if (found->second.waiters.empty() && found->second.tunnel->state() == TunnelState::down)
    return bring_down(*found->second.tunnel, 0, ssh::AfterUse::close);
  drop_if_unwanted(name, ssh::AfterUse::close);
}

void TunnelSet::drop_if_unwanted(const std::string& name, ssh::AfterUse after) {
  const auto found = entries_.find(name);
  if (found == entries_.end()) return;
  const Entry& entry = found->second;
  if (entry.tunnel->kept() || !entry.leases.empty() || !entry.waiters.empty()) return;
  // It is going already, and takes the time that its clients were given.
  if (entry.tunnel->state() == TunnelState::draining) return;
  bring_down(*entry.tunnel, 0, after);
}

void TunnelSet::take_down(const std::string& name, std::uint64_t drain_ms, TunnelObserver& waiter) {
  const auto found = entries_.find(name);
  if (found == entries_.end()) return;
  found->second.tunnel->keep(false);
  found->second.leases.clear();
  found->second.waiters.push_back(&waiter);
  bring_down(*found->second.tunnel, drain_ms, ssh::AfterUse::close);
}

void TunnelSet::bring_down(Tunnel& tunnel, std::uint64_t drain_ms, ssh::AfterUse after) {
  if (tunnel.state() == TunnelState::down) return tunnel_down(tunnel);  // it never got anywhere
  tunnel.down(drain_ms, after);
}

std::vector<TunnelObserver*> TunnelSet::waiters_of(const Tunnel& tunnel) const {
  const auto found = entries_.find(tunnel.profile().name);
  if (found == entries_.end() || found->second.tunnel.get() != &tunnel) return {};
  return found->second.waiters;
}

void TunnelSet::tunnel_progress(Tunnel& tunnel, int hop, const Host& host, const ssh::HopProgress& progress) {
  for (TunnelObserver* waiter : waiters_of(tunnel)) waiter->tunnel_progress(tunnel, hop, host, progress);
}

bool TunnelSet::tunnel_asks(Tunnel& tunnel, const Host& host, const std::string& text, const HostKey& key) {
  for (TunnelObserver* waiter : waiters_of(tunnel))
    if (waiter->tunnel_asks(tunnel, host, text, key)) return true;
  return false;
}

void TunnelSet::tunnel_settled(Tunnel& tunnel) {
  remember_ports(tunnel);
  if (tunnel.serving()) {
    for (const auto& [name, entry] : entries_)
      if (entry.tunnel) entry.tunnel->try_beside(tunnel);
    has_come_up_ = true;
    trim_memory_soon();
  }
  for (TunnelObserver* waiter : waiters_of(tunnel)) waiter->tunnel_settled(tunnel);
}

void TunnelSet::tunnel_down(Tunnel& tunnel) {
  const std::vector<TunnelObserver*> waiters = waiters_of(tunnel);
  const auto found = entries_.find(tunnel.profile().name);
  if (found == entries_.end() || found->second.tunnel.get() != &tunnel) return;
  std::unique_ptr<Tunnel> ended = std::move(found->second.tunnel);
  entries_.erase(found);
  ended->close();  // before anybody is told: nothing of it may be found any more
  for (TunnelObserver* waiter : waiters) waiter->tunnel_down(*ended);
  services_.loop.retire(std::move(ended));
  trim_memory_soon();
}

void TunnelSet::tunnel_client_ended(Tunnel&) { trim_memory_soon(); }

void TunnelSet::trim_memory_soon() { trim_.start(kTrimDelayMs); }

void TunnelSet::trim() {
  give_back_heap();
  if (std::exchange(has_come_up_, false)) give_back_code();
}

void TunnelSet::remember_ports(const Tunnel& tunnel) {
  for (const auto& forward : tunnel.forwards())
    if (forward->listening() && leaves_port_open(forward->forward()))
      ports_[{tunnel.profile().name, forward->forward().name}] = forward->listen_endpoint().port;
}

void TunnelSet::suggest_ports(const Tunnel& tunnel) const {
  for (const auto& forward : tunnel.forwards())
    if (const auto known = ports_.find({tunnel.profile().name, forward->forward().name}); known != ports_.end())
      forward->suggest_port(known->second);
}

}  // namespace tunneld::daemon
