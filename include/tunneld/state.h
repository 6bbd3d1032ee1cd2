// The states that hops and tunnels are in, and that `ps` and `status` show.
#pragma once

#include <string_view>

namespace tunneld {

enum class HopState {
  idle,
  resolving,           // name to addresses; the first hop only
  connecting,          // TCP, or for later hops a direct-tcpip channel of the hop before
  handshaking,         // RFC 4253: banner to NEWKEYS
  verifying_host_key,
  needs_input,         // a person is asked whether the key is right
  authenticating,      // RFC 4252
  ready,
  closing,
  lost,
};

enum class TunnelState {
  down,
  starting,
  up,
  degraded,      // the chain is ready, a wanted forward is missing
  backing_off,   // the chain is lost; the next dial is timed
  needs_action,  // only a person can mend it
  draining,
};

std::string_view to_string(HopState state);
std::string_view to_string(TunnelState state);

}  // namespace tunneld
