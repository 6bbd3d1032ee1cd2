#include "core/hop_machine.h"

namespace tunneld {
namespace {

using S = HopState;
using E = HopEvent;
using A = HopAction;

HopStep legal(S next, std::initializer_list<A> actions, const char* reason) {
  return {Legality::legal, next, actions, reason};
}
HopStep ignored(S state) { return {Legality::ignored, state, {}, "late"}; }
HopStep bug(S state) { return {Legality::bug, state, {}, "impossible"}; }

HopStep failure(const char* reason) { return legal(S::lost, {A::tear_down, A::announce_failure}, reason); }

// What every state that waits for the server or a person answers to the events that end the waiting.
HopStep while_waiting(S state, E event) {
  switch (event) {
    case E::failed: return failure("failed");
    case E::deadline: return failure("deadline passed");
    case E::stop: return legal(S::closing, {A::tear_down}, "asked to stop");
    case E::start:
    case E::resolved:
    case E::connected:
    case E::handshaken:
    case E::key_accepted:
    case E::key_unknown:
    case E::authenticated: return bug(state);
  }
  return bug(state);
}

HopStep while_ready(E event) {
  switch (event) {
    case E::failed: return legal(S::lost, {A::tear_down, A::announce_loss}, "session lost");
    case E::stop: return legal(S::closing, {A::tear_down}, "asked to stop");
    case E::deadline: return ignored(S::ready);
    case E::start:
    case E::resolved:
    case E::connected:
    case E::handshaken:
    case E::key_accepted:
    case E::key_unknown:
    case E::authenticated: return bug(S::ready);
  }
  return bug(S::ready);
}

// Nothing is under way: whatever still arrives is late, and only a start counts.
HopStep while_at_rest(S state, const HopContext& context, E event) {
  switch (event) {
    case E::start:
      return context.first ? legal(S::resolving, {A::resolve}, "started") : legal(S::connecting, {A::connect}, "started");
    case E::resolved:
    case E::connected:
    case E::handshaken:
    case E::key_accepted:
    case E::key_unknown:
    case E::authenticated:
    case E::failed:
    case E::deadline:
    case E::stop: return ignored(state);
  }
  return bug(state);
}

}  // namespace

HopStep step(HopState state, const HopContext& context, HopEvent event) {
  switch (state) {
    case S::idle:
    case S::closing:
    case S::lost: return while_at_rest(state, context, event);
    case S::resolving:
      if (event == E::resolved) return legal(S::connecting, {A::connect}, "name resolved");
      return while_waiting(state, event);
    case S::connecting:
      if (event == E::connected) return legal(S::handshaking, {A::handshake}, "connected");
      return while_waiting(state, event);
    case S::handshaking:
      if (event == E::handshaken) return legal(S::verifying_host_key, {A::verify_host_key}, "keys exchanged");
      return while_waiting(state, event);
    case S::verifying_host_key:
      if (event == E::key_accepted) return legal(S::authenticating, {A::authenticate}, "host key accepted");
      if (event == E::key_unknown) return legal(S::needs_input, {A::ask}, "host key unknown");
      return while_waiting(state, event);
    case S::needs_input:
      if (event == E::key_accepted) return legal(S::authenticating, {A::authenticate}, "host key accepted by the user");
      return while_waiting(state, event);
    case S::authenticating:
      if (event == E::authenticated) return legal(S::ready, {A::announce_ready}, "authenticated");
      return while_waiting(state, event);
    case S::ready: return while_ready(event);
  }
  return bug(state);
}

std::string_view to_string(HopEvent event) {
  switch (event) {
    case E::start: return "start";
    case E::resolved: return "resolved";
    case E::connected: return "connected";
    case E::handshaken: return "handshaken";
    case E::key_accepted: return "key_accepted";
    case E::key_unknown: return "key_unknown";
    case E::authenticated: return "authenticated";
    case E::failed: return "failed";
    case E::deadline: return "deadline";
    case E::stop: return "stop";
  }
  return "?";
}

}  // namespace tunneld
