// One profile that somebody wants up: its listeners, its clients and its chain, driven by core's tunnel machine.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <tunneld/error.h>
#include <tunneld/host_key.h>
#include <tunneld/profile.h>
#include <tunneld/state.h>

#include "core/backoff.h"
#include "core/tunnel_machine.h"
#include "daemon/credentials_watch.h"
#include "daemon/gatekeeper.h"
#include "daemon/lanes.h"
#include "daemon/log.h"
#include "forward/local_forward.h"
#include "loop/loop.h"
#include "loop/timer.h"
#include "ssh/chain.h"
#include "ssh/hop_graphs.h"

namespace tunneld::daemon {

class Tunnel;

class TunnelObserver {
 public:
  virtual ~TunnelObserver() = default;
  virtual void tunnel_progress(Tunnel& tunnel, int hop, const Host& host, const ssh::HopProgress& progress) = 0;
  // False when nobody can be asked. The answer comes by Tunnel::answer().
  virtual bool tunnel_asks(Tunnel& tunnel, const Host& host, const std::string& text, const HostKey& key) = 0;
  // It is up (or degraded), backs off or needs action: what `up` waits for.
  virtual void tunnel_settled(Tunnel& tunnel) = 0;
  // Everything is closed; it may be retired, not destroyed, from here.
  virtual void tunnel_down(Tunnel& tunnel) = 0;
  // A client has ended; memory may be given back when many have.
  virtual void tunnel_client_ended(Tunnel& tunnel) = 0;
};

// What all tunnels of a daemon share.
struct TunnelServices {
  loop::Loop& loop;
  ssh::HopGraphs& hops;
  Gatekeeper& gatekeeper;
  Log& log;
};

// What the caller of `up` brings along.
struct CallerSetting {
  std::string home;
  std::string agent_path;
};

struct RecordedError {
  Error error;
  std::chrono::system_clock::time_point at;
};

class Tunnel : private ssh::ChainObserver, private forward::ForwardObserver, private LaneOwner {
 public:
  Tunnel(const TunnelServices& services, Profile profile, CallerSetting caller, TunnelObserver& observer);
  ~Tunnel() override;

  // Opens every listener that is not open. False when one cannot be opened: last_error() says why.
  bool listen();
  // Why a tunnel of this definition, in the place of this one, could not listen. Only what this one does not hold itself is
  // tried.
  std::optional<Error> cannot_listen_as(const Profile& other);
  void up();
  void restart();
  // What the others have been told of the dial that is under way.
  void tell_progress_so_far(TunnelObserver& late);
  // Another's chain stands. If what this one waits for is one of its hops, it waits no longer.
  void try_beside(const Tunnel& other);
  // Stops accepting, waits for clients `drain_ms` at most, then closes everything and tells the observer.
  void down(std::uint64_t drain_ms, ssh::AfterUse after);
  // `up` has asked for it, so that anybody may come, for as long as nobody says `down`. Else it is there for those who hold it.
  void keep(bool on) { kept_ = on; }
  bool kept() const { return kept_; }
  // Closes everything now, without a word to the observer.
  void close() { close_all(); }
  // To the question about the host key with this fingerprint; any other is not meant.
  void answer(const std::string& fingerprint, bool accept);
  // Nobody will answer the question that tunnel_asks() put.
  void withdraw_question();
  // The agent and home of whoever asked last are used for the next dial. Who has no agent takes none away.
  void set_caller(CallerSetting caller);

  const Profile& profile() const { return profile_; }
  TunnelState state() const { return state_; }
  // Ready to serve: every forward listens, and the chain stands or is not wanted before a client comes.
  bool serving() const { return state_ == TunnelState::up; }
  bool settled() const;
  std::chrono::system_clock::time_point since() const { return since_; }
  const std::optional<RecordedError>& last_error() const { return last_error_; }
  std::optional<std::uint64_t> next_retry_ms() const;  // from now on
  std::uint64_t reconnects() const { return reconnects_; }
  const ssh::Chain* chain() const { return chain_.get(); }
  // The hop that is being dialled, counted from 0, and how far that has come. Nothing while it backs off, or stands.
  std::optional<std::pair<std::size_t, HopState>> dialling() const;
  // How many sessions to this hop stand, those of further lanes included.
  std::size_t sessions_to(std::size_t hop) const;
  const std::vector<std::unique_ptr<forward::LocalForward>>& forwards() const { return forwards_; }
  std::size_t connections() const;
  // Whether down() has something to wait for: clients that the chain serves.
  bool serves_clients() const { return connections() > 0 && chain_ && chain_->ready(); }
  std::uint64_t drains_for_ms() const;  // from now on, at most

 private:
  void chain_progress(int number, const Host& host, const ssh::HopProgress& progress) override;
  void chain_hop_changed(int number, const Host& host, HopState from, HopState to, const char* reason) override;
  bool chain_asks(const Host& host, const std::string& text, const HostKey& key) override;
  void chain_ready() override;
  void chain_failed(const Error& error) override;

  bool forward_admits(forward::LocalForward& forward, const forward::Accepted& client) override;
  ssh::VisitedSession forward_session() override { return lanes_.choose(); }
  void forward_holds(forward::LocalForward& forward) override;
  void forward_client_began(forward::LocalForward& forward) override;
  void forward_client_ended(forward::LocalForward& forward) override;
  void forward_error(forward::LocalForward& forward, Error error) override;

  ssh::Chain* lane_0() override { return chain_ && chain_->ready() ? chain_.get() : nullptr; }
  bool anybody_may_come() const override { return kept_; }
  bool awaited(const ssh::Session& session) const override;
  void lane_stalls(const ssh::Session& session) override;
  bool lanes_changed() override;

  TunnelContext context() const;
  void event(TunnelEvent event);
  void perform(TunnelAction action);
  void bind();
  void dial();
  void drop_former();
  void go_on_in(std::unique_ptr<ssh::Chain> lane);
  void end_service();
  void drop_chain();
  void schedule_retry(std::uint64_t delay_ms);
  std::uint64_t until_held_dial_ms() const;
  void begin_drain();
  void close_all();
  void watch_credentials();
  void note_error(Error error);
  void note_client_error(Error error);
  void watch_idleness();
  bool clients_held() const;

  TunnelServices services_;
  const Profile profile_;
  CallerSetting caller_;
  TunnelObserver& observer_;
  TunnelState state_ = TunnelState::down;
  bool kept_ = false;
  std::chrono::system_clock::time_point since_;
  std::vector<std::unique_ptr<forward::LocalForward>> forwards_;
  std::unique_ptr<ssh::Chain> chain_;
  std::unique_ptr<ssh::Chain> former_;  // has failed, and holds hops for chain_ to join
  Lanes lanes_;
  Backoff backoff_;
  bool heals_ = true;  // of the chain's last failure
  CredentialsWatch credentials_;
  std::optional<RecordedError> last_error_;
  std::uint64_t reconnects_ = 0;
  bool was_lost_ = false;  // and not replaced yet
  std::uint64_t ready_since_ms_ = 0;
  std::uint64_t failing_since_ms_ = 0;  // or since its hops were last let go; 0: it is not
  std::uint64_t last_dial_ms_ = 0;
  std::uint64_t retry_at_ms_ = 0;  // 0: none is timed
  std::uint64_t drain_due_ms_ = 0;
  ssh::AfterUse after_use_ = ssh::AfterUse::close;  // of the chain, when it is let go next
  loop::Timer retry_;
  loop::Timer drain_;
  loop::Timer rebind_;
  loop::Timer idle_;
};

}  // namespace tunneld::daemon
