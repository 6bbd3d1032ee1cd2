// How one connection ends: the two directions of a relay, and what each end's news means for the other (RFC 4254
// section 5.3; OpenSSH's nchan.c). Pure; src/ssh/relay.cpp moves the bytes and performs the actions.
#pragma once

#include "core/machine.h"

namespace tunneld {

enum class RelayEvent {
  local_eof,       // the local socket has no more to send
  local_reset,     // the local socket is gone
  upload_flushed,  // nothing that was read from the local socket waits any more
  remote_eof,      // SSH_MSG_CHANNEL_EOF
  remote_close,    // SSH_MSG_CHANNEL_CLOSE
  download_flushed,// nothing that the channel brought waits any more
  session_lost,
};

enum class RelayAction {
  send_eof,        // SSH_MSG_CHANNEL_EOF
  shutdown_local,  // the local socket's other end sees the end of the stream
  close_channel,
  close_local,     // in order: everything was delivered
  reset_local,     // a TCP reset: the stream is not whole
};

// Upload: local socket to channel. Download: channel to local socket.
enum class HalfState {
  open,
  ending,  // the source has ended, bytes still wait
  ended,
};

struct RelayState {
  HalfState upload = HalfState::open;
  HalfState download = HalfState::open;
  bool remote_closed = false;
  bool over = false;
  bool operator==(const RelayState&) const = default;
};

// What is waiting at the moment of the event.
struct RelayContext {
  bool upload_pending = false;
  bool download_pending = false;
};

using RelayStep = Step<RelayState, RelayAction>;

RelayStep step(const RelayState& state, const RelayContext& context, RelayEvent event);

}  // namespace tunneld
