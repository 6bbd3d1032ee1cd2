// Every tunnel of the daemon, by profile name, and why each is there: somebody said `up`, somebody holds a lease, or a
// request waits for it. With none of these left it goes.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "daemon/tunnel.h"

namespace tunneld::daemon {

// Who wants a tunnel, which decides what becomes of one that is there already and works from another definition.
enum class Claim {
  up,       // replaced
  restart,  // replaced; ports given with an earlier `up` stay
  lease,    // used as it stands, with its ports and its agent, if anybody else wants it
};

struct Wanted {
  Tunnel& tunnel;
  // Another definition was to replace it, which could not listen: nothing has changed.
  std::optional<Error> refused;
  bool outdated = false;  // a lease on one that works from another definition than the file has now
};

using Ports = std::map<std::string, std::uint16_t>;  // by forward; 0: any

class TunnelSet : private TunnelObserver {
 public:
  explicit TunnelSet(const TunnelServices& services) : services_(services) {}

  // The tunnel of this profile, made if there is none, replaced if it works from another definition. `ports` go before
  // the profile's listen ports. `waiter` keeps it until release().
  Wanted want(Profile profile, Ports ports, Claim claim, const CallerSetting& caller, TunnelObserver& waiter);
  Tunnel* find(const std::string& name);
  std::vector<Tunnel*> all();

  void keep(const std::string& name);                         // `up` has succeeded
  void lease(const std::string& name, std::uint64_t holder);  // `exec` has
  void end_leases(std::uint64_t holder);
  void release(const std::string& name, TunnelObserver& waiter);
  // Whoever wants it: it goes. `waiter` hears tunnel_down().
  void take_down(const std::string& name, std::uint64_t drain_ms, TunnelObserver& waiter);

 private:
  struct Entry {
    std::unique_ptr<Tunnel> tunnel;
    Ports ports;  // asked for with --port
    std::set<std::uint64_t> leases;
    std::vector<TunnelObserver*> waiters;
  };
  void tunnel_progress(Tunnel& tunnel, int hop, const Host& host, const ssh::HopProgress& progress) override;
  bool tunnel_asks(Tunnel& tunnel, const Host& host, const std::string& text, const HostKey& key) override;
  void tunnel_settled(Tunnel& tunnel) override;
  void tunnel_down(Tunnel& tunnel) override;
  void tunnel_client_ended(Tunnel& tunnel) override;

  bool wanted_by_others(const Entry& entry) const;
  void drop_if_unwanted(const std::string& name, ssh::AfterUse after);
  void bring_down(Tunnel& tunnel, std::uint64_t drain_ms, ssh::AfterUse after);
  void remember_ports(const Tunnel& tunnel);
  void suggest_ports(const Tunnel& tunnel) const;
  std::vector<TunnelObserver*> waiters_of(const Tunnel& tunnel) const;
  void trim_memory_soon();
  void trim();

  TunnelServices services_;
  loop::Timer trim_{services_.loop, [this] { trim(); }};  // before the tunnels, whose end may still start it
  bool has_come_up_ = false;  // some tunnel, since memory was given back
  std::map<std::string, Entry> entries_;
  // Ports that the system has chosen: a forward that asks for port 0 gets the same again while the daemon lives, unless
  // it is taken by then.
  std::map<std::pair<std::string, std::string>, std::uint16_t> ports_;
};

}  // namespace tunneld::daemon
