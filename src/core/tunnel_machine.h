// The life of one profile that somebody wants up. Pure; src/daemon/tunnel.cpp performs the actions.
#pragma once

#include <string_view>

#include <tunneld/state.h>

#include "core/machine.h"

namespace tunneld {

enum class TunnelEvent {
  up,               // somebody asks for it (again)
  down,
  restart,          // drop the chain and dial anew, listeners stay
  chain_ready,
  chain_failed,     // a dial or the standing chain ended; the context says whether time can mend it
  retry_due,
  credentials_changed,  // since a log-in was refused
  client_waiting,   // a client was accepted and no chain is ready
  forwards_changed, // the set of listeners that stand has changed
  idle,             // no connection for idle_timeout
  drained,          // no client is left, or the time for draining has passed
};

enum class TunnelAction {
  bind,           // open every listener that is wanted and not open
  dial,
  drop_chain,
  schedule_retry,
  hasten_retry,   // a client waits: within a second of the last dial
  serve_held,     // the chain is ready: held clients go on
  begin_drain,
  close_all,      // listeners, clients, chain
};

struct TunnelContext {
  bool on_demand = false;      // no client, no chain
  bool heals = true;           // chain_failed: time can mend it
  bool all_listening = true;   // every wanted forward listens
  bool clients_waiting = false;
  bool chain_ready = false;
};

using TunnelStep = Step<TunnelState, TunnelAction>;

TunnelStep step(TunnelState state, const TunnelContext& context, TunnelEvent event);

std::string_view to_string(TunnelEvent event);

}  // namespace tunneld
