#include <tunneld/state.h>

namespace tunneld {

std::string_view to_string(HopState state) {
  switch (state) {
    case HopState::idle: return "idle";
    case HopState::resolving: return "resolving";
    case HopState::connecting: return "connecting";
    case HopState::handshaking: return "handshaking";
    case HopState::verifying_host_key: return "verifying_host_key";
    case HopState::needs_input: return "needs_input";
    case HopState::authenticating: return "authenticating";
    case HopState::ready: return "ready";
    case HopState::closing: return "closing";
    case HopState::lost: return "lost";
  }
  return "?";
}

std::string_view to_string(TunnelState state) {
  switch (state) {
    case TunnelState::down: return "down";
    case TunnelState::starting: return "starting";
    case TunnelState::up: return "up";
    case TunnelState::degraded: return "degraded";
    case TunnelState::backing_off: return "backing_off";
    case TunnelState::needs_action: return "needs_action";
    case TunnelState::draining: return "draining";
  }
  return "?";
}

}  // namespace tunneld
