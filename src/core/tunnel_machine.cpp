#include "core/tunnel_machine.h"

namespace tunneld {
namespace {

using S = TunnelState;
using E = TunnelEvent;
using A = TunnelAction;

TunnelStep legal(S next, std::initializer_list<A> actions, const char* reason) {
  return {Legality::legal, next, actions, reason};
}
TunnelStep ignored(S state) { return {Legality::ignored, state, {}, "nothing to do"}; }
TunnelStep bug(S state) { return {Legality::bug, state, {}, "impossible"}; }

// `degraded` is a function of facts, never a state that is entered by itself.
S standing(const TunnelContext& context) { return context.all_listening ? S::up : S::degraded; }

TunnelStep chain_failed(const TunnelContext& context) {
  if (!context.heals) return legal(S::needs_action, {A::drop_chain}, "only a person can mend it");
  // An on-demand profile without a waiting client has no wish for a chain: it stays up, and the next client dials.
  if (context.on_demand && !context.clients_waiting) return legal(standing(context), {A::drop_chain}, "chain lost, not needed");
  // Hops of it that stand are kept for the next dial.
  return legal(S::backing_off, {A::schedule_retry}, "chain lost");
}

TunnelStep begin_drain() { return legal(S::draining, {A::begin_drain}, "asked to go down"); }
TunnelStep redial(const char* reason) { return legal(S::starting, {A::drop_chain, A::bind, A::dial}, reason); }

TunnelStep while_down(const TunnelContext& context, E event) {
  switch (event) {
    case E::up:
    case E::restart:
      if (context.on_demand) return legal(standing(context), {A::bind}, "asked for, chain on demand");
      return legal(S::starting, {A::bind, A::dial}, "asked for");
    case E::down:
    case E::chain_failed:
    case E::retry_due:
    case E::credentials_changed:
    case E::client_waiting:
    case E::forwards_changed:
    case E::idle:
    case E::drained: return ignored(S::down);
    case E::chain_ready: return bug(S::down);
  }
  return bug(S::down);
}

TunnelStep while_starting(const TunnelContext& context, E event) {
  switch (event) {
    case E::chain_ready: return legal(standing(context), {A::serve_held}, "chain ready");
    case E::chain_failed: return chain_failed(context);
    case E::down: return begin_drain();
    case E::restart: return redial("asked to restart");
    case E::up:
    case E::retry_due:
    case E::credentials_changed:
    case E::client_waiting:
    case E::forwards_changed:
    case E::idle:
    case E::drained: return ignored(S::starting);
  }
  return bug(S::starting);
}

TunnelStep while_standing(S state, const TunnelContext& context, E event) {
  switch (event) {
    case E::up: return state == S::degraded ? legal(state, {A::bind}, "asked for again") : ignored(state);
    case E::down: return begin_drain();
    case E::restart: return redial("asked to restart");
    case E::chain_failed: return chain_failed(context);
    // Only an on-demand profile stands without a chain.
    case E::client_waiting: return legal(S::starting, {A::dial}, "a client came");
    case E::idle: return legal(standing(context), {A::drop_chain}, "idle");
    case E::forwards_changed:
      if (standing(context) == state) return ignored(state);
      return legal(standing(context), {}, context.all_listening ? "every forward listens" : "a forward does not listen");
    case E::retry_due:
    case E::credentials_changed:
    case E::drained: return ignored(state);
    case E::chain_ready: return bug(state);
  }
  return bug(state);
}

TunnelStep while_backing_off(E event) {
  switch (event) {
    case E::retry_due: return legal(S::starting, {A::dial}, "retry is due");
    case E::up: return legal(S::starting, {A::bind, A::dial}, "asked for again");
    case E::restart: return redial("asked to restart");
    case E::client_waiting: return legal(S::backing_off, {A::hasten_retry}, "a client waits");
    case E::down: return begin_drain();
    case E::chain_failed:
    case E::credentials_changed:
    case E::forwards_changed:
    case E::idle:
    case E::drained: return ignored(S::backing_off);
    case E::chain_ready: return bug(S::backing_off);
  }
  return bug(S::backing_off);
}

TunnelStep while_needing_action(E event) {
  switch (event) {
    case E::up: return redial("asked for again");
    case E::restart: return redial("asked to restart");
    case E::credentials_changed: return legal(S::starting, {A::bind, A::dial}, "what it logs in with has changed");
    case E::down: return begin_drain();
    case E::chain_failed:
    case E::retry_due:
    case E::client_waiting:
    case E::forwards_changed:
    case E::idle:
    case E::drained: return ignored(S::needs_action);
    case E::chain_ready: return bug(S::needs_action);
  }
  return bug(S::needs_action);
}

TunnelStep while_draining(const TunnelContext& context, E event) {
  switch (event) {
    case E::drained: return legal(S::down, {A::close_all}, "drained");
    case E::up:
      // Its clients go on.
      if (context.chain_ready) return legal(standing(context), {A::bind, A::serve_held}, "asked for again");
      return redial("asked for again");
    case E::restart: return redial("asked to restart");
    case E::chain_failed: return legal(S::down, {A::close_all}, "chain lost while draining");
    case E::down:
    case E::chain_ready:
    case E::retry_due:
    case E::credentials_changed:
    case E::client_waiting:
    case E::forwards_changed:
    case E::idle: return ignored(S::draining);
  }
  return bug(S::draining);
}

}  // namespace

TunnelStep step(TunnelState state, const TunnelContext& context, TunnelEvent event) {
  switch (state) {
    case S::down: return while_down(context, event);
    case S::starting: return while_starting(context, event);
    case S::up:
    case S::degraded: return while_standing(state, context, event);
    case S::backing_off: return while_backing_off(event);
    case S::needs_action: return while_needing_action(event);
    case S::draining: return while_draining(context, event);
  }
  return bug(state);
}

std::string_view to_string(TunnelEvent event) {
  switch (event) {
    case E::up: return "up";
    case E::down: return "down";
    case E::restart: return "restart";
    case E::chain_ready: return "chain_ready";
    case E::chain_failed: return "chain_failed";
    case E::retry_due: return "retry_due";
    case E::credentials_changed: return "credentials_changed";
    case E::client_waiting: return "client_waiting";
    case E::forwards_changed: return "forwards_changed";
    case E::idle: return "idle";
    case E::drained: return "drained";
  }
  return "?";
}

}  // namespace tunneld
