#include "daemon/tunnel.h"

#include <algorithm>
#include <random>
#include <utility>

#include "core/endpoint.h"
#include "core/hop_likeness.h"

namespace tunneld::daemon {
namespace {

// A client that waits must not wait for a long backoff: this often a dial is made while one does.
constexpr std::uint64_t kHeldDialIntervalMs = 900;
// A chain that stood this long has ended its series of failures.
constexpr std::uint64_t kStableMs = 10'000;
// For so long the hops that stand are dialled over again and again. One of them may be at fault itself, though it answers:
// behind its name there may be others.
constexpr std::uint64_t kKeepHopsForMs = 30'000;
// How often a listener that could not be bound is tried again.
constexpr std::uint64_t kRebindIntervalMs = 2'000;

double random_unit() {
  static std::mt19937_64 engine{std::random_device{}()};
  return std::uniform_real_distribution<double>(0.0, 1.0)(engine);
}

}  // namespace

Tunnel::Tunnel(const TunnelServices& services, Profile profile, CallerSetting caller, TunnelObserver& observer)
    : services_(services),
      profile_(std::move(profile)),
      caller_(std::move(caller)),
      observer_(observer),
      since_(std::chrono::system_clock::now()),
      lanes_(services.loop, services.hops, services.log, profile_, static_cast<LaneOwner&>(*this)),
      backoff_(profile_.reconnect, random_unit),
      credentials_(
          services.loop, [this] { return state_ == TunnelState::needs_action && clients_held(); },
          [this] { event(TunnelEvent::credentials_changed); }),
      retry_(services.loop, [this] {
        retry_at_ms_ = 0;
        event(TunnelEvent::retry_due);
      }),
      drain_(services.loop, [this] { event(TunnelEvent::drained); }),
      rebind_(services.loop, [this] {
        bind();
        event(TunnelEvent::forwards_changed);
      }),
      idle_(services.loop, [this] { event(TunnelEvent::idle); }) {
  for (const Forward& forward : profile_.forwards)
    forwards_.push_back(std::make_unique<forward::LocalForward>(
        services.loop, forward, profile_.hops.back(), static_cast<std::uint64_t>(profile_.hold_timeout.count()),
        static_cast<forward::ForwardObserver&>(*this)));
}

Tunnel::~Tunnel() { close_all(); }

void Tunnel::set_caller(CallerSetting caller) {
  if (caller.agent_path.empty()) caller.agent_path = caller_.agent_path;
  caller_ = std::move(caller);
}

bool Tunnel::listen() {
  bind();
  return context().all_listening;
}

std::optional<Error> Tunnel::cannot_listen_as(const Profile& other) {
  for (const Forward& wanted : other.forwards) {
    const bool held = std::any_of(forwards_.begin(), forwards_.end(), [&wanted](const auto& forward) {
      return forward->listening() && clash(forward->listen_endpoint(), wanted.listen);
    });
    if (held || wanted.listen.kind != Endpoint::Kind::tcp) continue;
    forward::LocalForward trial(services_.loop, wanted, other.hops.back(), 0, static_cast<forward::ForwardObserver&>(*this));
    if (Result<void> result = trial.listen(); !result) {
      Error error = result.error();
      name_port_owner(error, wanted.listen);
      return error;
    }
  }
  return std::nullopt;
}

void Tunnel::up() { event(TunnelEvent::up); }

void Tunnel::tell_progress_so_far(TunnelObserver& late) {
  for (std::size_t i = 0; chain_ && i < profile_.hops.size(); ++i)
    for (const ssh::HopProgress& step : chain_->steps_of(i))
      late.tunnel_progress(*this, static_cast<int>(i) + 1, profile_.hops[i], step);
}

// Restarting promises new sessions. Other profiles keep theirs until they are restarted themselves.
void Tunnel::restart() {
  if (chain_) chain_->detach();
  lanes_.detach();
  event(TunnelEvent::restart);
}

void Tunnel::try_beside(const Tunnel& other) {
  if (state_ != TunnelState::backing_off || !last_error_) return;
  const int guilty = last_error_->error.where.hop_number;
  if (guilty > 0 && begin_alike(profile_.hops, other.profile_.hops, static_cast<std::size_t>(guilty))) schedule_retry(0);
}

void Tunnel::down(std::uint64_t drain_ms, ssh::AfterUse after) {
  after_use_ = after;
  // Who asks again may be in more of a hurry, not in less.
  const std::uint64_t due = services_.loop.precise_now_ms() + drain_ms;
  if (state_ == TunnelState::draining && due >= drain_due_ms_) return;
  drain_due_ms_ = due;
  if (state_ == TunnelState::draining) return drain_.start(drain_ms);
  event(TunnelEvent::down);
}

void Tunnel::answer(const std::string& fingerprint, bool accept) {
  if (chain_) chain_->answer(fingerprint, accept);
}

void Tunnel::withdraw_question() {
  if (chain_) chain_->withdraw_question();
}

bool Tunnel::settled() const {
  switch (state_) {
    case TunnelState::up:
    case TunnelState::degraded:
    case TunnelState::backing_off:
    case TunnelState::needs_action: return true;
    case TunnelState::down:
    case TunnelState::starting:
    case TunnelState::draining: return false;
  }
  return false;
}

TunnelContext Tunnel::context() const {
  const bool all_listening =
      std::all_of(forwards_.begin(), forwards_.end(), [](const auto& forward) { return forward->listening(); });
  return {profile_.on_demand, heals_, all_listening, clients_held(), chain_ && chain_->ready()};
}

// The one place where the state changes.
void Tunnel::event(TunnelEvent event) {
  const TunnelStep result = step(state_, context(), event);
  if (result.legality != Legality::legal) return;
  const TunnelState from = std::exchange(state_, result.next);
  const bool drops_chain =
      std::find(result.actions.begin(), result.actions.end(), TunnelAction::drop_chain) != result.actions.end();
  if (from != state_) {
    // It is down for as long as it has not been up, however often it has tried.
    const auto tries = [](TunnelState state) { return state == TunnelState::starting || state == TunnelState::backing_off; };
    if (!tries(from) || !tries(state_)) since_ = std::chrono::system_clock::now();
    if (from == TunnelState::draining) drain_.stop();
  }
  if (from != state_ || drops_chain)
    services_.log.info(profile_.name, std::string(to_string(from)) + " -> " + std::string(to_string(state_)) + " (" +
                                          result.reason + ")");
  for (const TunnelAction action : result.actions) perform(action);
  if (state_ == TunnelState::down) return observer_.tunnel_down(*this);
  // Binding may have changed the fact that tells up from degraded.
  const bool standing = state_ == TunnelState::up || state_ == TunnelState::degraded;
  if (standing && context().all_listening != (state_ == TunnelState::up))
    return this->event(TunnelEvent::forwards_changed);
  if (settled()) observer_.tunnel_settled(*this);
}

void Tunnel::perform(TunnelAction action) {
  switch (action) {
    case TunnelAction::bind: return bind();
    case TunnelAction::dial: return dial();
    case TunnelAction::drop_chain: return drop_chain();
    case TunnelAction::schedule_retry: {
      const auto delay = static_cast<std::uint64_t>(backoff_.next_delay().count());
      return schedule_retry(clients_held() ? std::min(delay, until_held_dial_ms()) : delay);
    }
    case TunnelAction::hasten_retry: return schedule_retry(until_held_dial_ms());
    case TunnelAction::serve_held:
      lanes_.without_waiting([this] {
        for (const auto& forward : forwards_) forward->serve_held();
      });
      return watch_idleness();
    case TunnelAction::begin_drain: return begin_drain();
    case TunnelAction::close_all: return close_all();
  }
}

void Tunnel::bind() {
  for (const auto& forward : forwards_) {
    const bool listened = forward->listening();
    if (Result<void> result = forward->listen(); !result) {
      Error error = result.error();
      name_port_owner(error, forward->forward().listen);
      // A rebind that fails as before says nothing new.
      if (!last_error_ || last_error_->error.message != error.message) note_error(std::move(error));
    } else if (!listened) {
      services_.log.info(profile_.name, "listening on " + to_string(forward->listen_endpoint()) + " -> " +
                                            to_string(forward->forward().connect) + " (" + forward->forward().name + ")");
    }
  }
  if (context().all_listening)
    rebind_.stop();
  else
    rebind_.start(kRebindIntervalMs);
}

void Tunnel::dial() {
  retry_.stop();
  retry_at_ms_ = 0;
  credentials_.stop();
  last_dial_ms_ = services_.loop.precise_now_ms();
  const std::uint64_t now = last_dial_ms_;
  if (failing_since_ms_ != 0 && now - failing_since_ms_ >= kKeepHopsForMs) {
    failing_since_ms_ = now;
    drop_chain();
  }
  // What still stands of the chain that has failed is held until the new one has taken its own places in it.
  drop_former();
  const unsigned lane = chain_ ? chain_->lane().outer : 0;  // that of the hops that are held
  former_ = std::move(chain_);
  ssh::HopGraph& graph = lane == 0 ? services_.hops.at(0, profile_.hops.size()) : former_->graph();
  chain_ = std::make_unique<ssh::Chain>(graph, services_.loop, profile_.hops,
                                        ssh::ChainUser{profile_.name, caller_.home, caller_.agent_path},
                                        ssh::LaneRoute{lane, lane}, static_cast<ssh::ChainObserver&>(*this));
  chain_->start();
}

void Tunnel::drop_former() {
  if (!former_) return;
  former_->stop(ssh::AfterUse::close);
  services_.loop.retire(std::move(former_));
}

// The sessions may live on in another profile's chain: no client of this one may go on in them.
void Tunnel::end_service() {
  for (const auto& forward : forwards_) forward->end_service();
  lanes_.close();
  idle_.stop();
}

void Tunnel::drop_chain() {
  end_service();
  drop_former();
  const ssh::AfterUse after = std::exchange(after_use_, ssh::AfterUse::close);
  if (!chain_) return;
  chain_->stop(after);
  services_.loop.retire(std::move(chain_));
}

std::uint64_t Tunnel::until_held_dial_ms() const {
  const std::uint64_t due = last_dial_ms_ + kHeldDialIntervalMs;
  const std::uint64_t now = services_.loop.precise_now_ms();
  return due > now ? due - now : 0;
}

void Tunnel::schedule_retry(std::uint64_t delay_ms) {
  const std::uint64_t at = services_.loop.precise_now_ms() + delay_ms;
  if (retry_at_ms_ != 0 && retry_at_ms_ <= at) return;  // it is timed earlier already
  retry_at_ms_ = at;
  retry_.start(delay_ms);
}

std::optional<std::uint64_t> Tunnel::next_retry_ms() const {
  if (retry_at_ms_ == 0) return std::nullopt;
  const std::uint64_t now = services_.loop.precise_now_ms();
  return retry_at_ms_ > now ? retry_at_ms_ - now : 0;
}

void Tunnel::begin_drain() {
  retry_.stop();
  retry_at_ms_ = 0;
  rebind_.stop();
  for (const auto& forward : forwards_) forward->stop_listening();
  // By the timer in either case: the caller has still to hear that the draining has begun.
  drain_.start(serves_clients() ? drains_for_ms() : 0);
}

std::uint64_t Tunnel::drains_for_ms() const {
  const std::uint64_t now = services_.loop.precise_now_ms();
  return drain_due_ms_ > now ? drain_due_ms_ - now : 0;
}

void Tunnel::close_all() {
  retry_.stop();
  retry_at_ms_ = 0;
  credentials_.stop();
  drain_.stop();
  rebind_.stop();
  for (const auto& forward : forwards_) {
    forward->stop_listening();
    forward->reset_clients();
  }
  drop_chain();
}

void Tunnel::note_error(Error error) {
  error.where.profile = profile_.name;
  if (error.where.position.empty()) error.where.position = to_string(profile_.position);
  services_.log.error(profile_.name, std::string(error_info(error.code).name) + ": " + error.message +
                                         (error.where.hop.empty() ? "" : " (hop " + error.where.hop + ")") +
                                         (error.cause.empty() ? "" : "; " + error.cause));
  last_error_ = RecordedError{std::move(error), std::chrono::system_clock::now()};
}

void Tunnel::chain_progress(int number, const Host& host, const ssh::HopProgress& progress) {
  if (std::string_view(progress.step) == ssh::kSharingStep)
    services_.log.info(profile_.name, "hop " + host.name + ": " + progress.text + ", " + progress.detail);
  observer_.tunnel_progress(*this, number, host, progress);
}

void Tunnel::chain_hop_changed(int, const Host& host, HopState from, HopState to, const char* reason) {
  services_.log.info(profile_.name, "hop " + host.name + ": " + std::string(to_string(from)) + " -> " +
                                        std::string(to_string(to)) + " (" + reason + ")");
}

bool Tunnel::chain_asks(const Host& host, const std::string& text, const HostKey& key) {
  return observer_.tunnel_asks(*this, host, text, key);
}

void Tunnel::chain_ready() {
  if (std::exchange(was_lost_, false)) ++reconnects_;
  ready_since_ms_ = services_.loop.precise_now_ms();
  failing_since_ms_ = 0;
  credentials_.accepted();
  drop_former();
  event(TunnelEvent::chain_ready);
}

void Tunnel::chain_failed(const Error& error) {
  heals_ = error_info(error.code).heals;
  if (ready_since_ms_ != 0 && services_.loop.precise_now_ms() - ready_since_ms_ >= kStableMs) backoff_.reset();
  note_error(error);
  if (error_info(error.code).exit_code == ExitCode::auth_failed) watch_credentials();
  if (heals_)
    if (std::unique_ptr<ssh::Chain> lane = lanes_.successor()) return go_on_in(std::move(lane));
  was_lost_ |= std::exchange(ready_since_ms_, 0) != 0;
  end_service();  // first: who waits again is a reason to dial
  drop_former();
  if (failing_since_ms_ == 0) failing_since_ms_ = services_.loop.precise_now_ms();
  event(TunnelEvent::chain_failed);
}

void Tunnel::watch_credentials() {
  std::vector<Host> hops;
  for (const Host& host : profile_.hops) hops.push_back(likeness_of(host, caller_.home, caller_.agent_path, 0).host);
  credentials_.refused(std::move(hops), caller_.home);
}

// The session that is lost has told its own clients; those of other lanes are none the worse.
void Tunnel::go_on_in(std::unique_ptr<ssh::Chain> lane) {
  services_.log.info(profile_.name, "lane " + std::to_string(lane->lane().last) + " takes the place of the chain");
  ++reconnects_;
  lane->report_to(*this);
  chain_->stop(ssh::AfterUse::close);
  services_.loop.retire(std::exchange(chain_, std::move(lane)));
  lanes_changed();
  watch_idleness();
}

std::optional<std::pair<std::size_t, HopState>> Tunnel::dialling() const {
  if (state_ != TunnelState::starting || !chain_) return std::nullopt;
  const loop::Visit visit = chain_->visit();
  std::size_t last = 0;
  while (chain_->hop(last + 1) != nullptr) ++last;
  const ssh::SharedHop* hop = chain_->hop(last);
  if (hop == nullptr) return std::nullopt;
  return std::pair{last, hop->hop().state()};
}

std::size_t Tunnel::sessions_to(std::size_t hop) const {
  if (!chain_) return 0;
  const loop::Visit visit = chain_->visit();
  if (chain_->hop(hop) == nullptr) return 0;
  const bool stands = chain_->hop(hop)->hop().state() == HopState::ready;
  return (stands ? 1 : 0) + lanes_.further_sessions(*chain_, hop);
}

}  // namespace tunneld::daemon
