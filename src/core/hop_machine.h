// The life of one hop, from nothing to an authenticated session and back. Pure; src/ssh/hop.cpp performs the actions.
#pragma once

#include <string_view>

#include <tunneld/state.h>

#include "core/machine.h"

namespace tunneld {

enum class HopEvent {
  start,
  resolved,        // the first hop's name has addresses
  connected,       // TCP, or the channel of the hop before, stands
  handshaken,      // key exchange done: the server has shown its host key
  key_accepted,    // known, pinned or recorded
  key_unknown,     // a person may say yes
  authenticated,
  failed,          // what was under way cannot succeed, or the session is gone
  deadline,        // the state's one deadline has passed
  stop,
};

enum class HopAction {
  resolve,
  connect,
  handshake,
  verify_host_key,
  ask,
  authenticate,
  announce_ready,
  announce_failure,  // it never became ready
  announce_loss,     // it was ready
  tear_down,
};

struct HopContext {
  bool first = true;  // only the first hop has a name to resolve: the others' names are the server's to look up
};

using HopStep = Step<HopState, HopAction>;

HopStep step(HopState state, const HopContext& context, HopEvent event);

std::string_view to_string(HopEvent event);

}  // namespace tunneld
