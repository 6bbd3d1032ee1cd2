// What a session is made of: libssh's objects, how they are set up and torn down, and the count of what waits in them.
#pragma once

#include <libssh/libssh.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/result.h"
#include "ssh/transport.h"

namespace tunneld::ssh {

struct SessionOptions {
  std::string user;
  std::vector<std::string> ciphers;          // empty: ours
  std::vector<std::string> known_key_types;  // host key types that are asked for first
  bool nested = false;                       // inside a channel of another session
};

// Shared with a worker thread while that logs in through an agent, so that a session whose owner goes meanwhile is torn
// down when the worker has let go. Its end closes everything in the order that libssh needs.
struct SessionCore {
  SessionCore() = default;
  ~SessionCore();
  SessionCore(const SessionCore&) = delete;
  SessionCore& operator=(const SessionCore&) = delete;

  // Sends what waits and DISCONNECT, as far as the transport takes it, and frees libssh's objects.
  void end();

  ssh_session session = nullptr;
  ssh_event event = nullptr;  // null until the handshake is done
  std::unique_ptr<Transport> transport;
  ssh_counter_struct socket_bytes{};
  ssh_counter_struct raw_bytes{};
};

Result<std::shared_ptr<SessionCore>> make_core(std::unique_ptr<Transport> transport,
                                               const SessionOptions& options);

// Whether libssh's calls for its descriptor come to the Transport (transport_calls.cpp): one that was built or linked in
// an unusual way may not look up poll and its kin as usual, and no session would get anywhere.
bool libssh_uses_transports();

// How many bytes wait inside libssh, which does not tell: in its socket's buffer, and during a key exchange of ours in
// a queue of packets. Worked out from what was handed over and from libssh's two counters.
class SendLedger {
 public:
  void given(std::uint64_t payload_bytes) { given_ += payload_bytes; }
  std::size_t backlog(const SessionCore& core);

 private:
  std::uint64_t given_ = 0;          // payload handed over since nothing was queued
  std::uint64_t raw_base_ = 0;       // raw counter at that moment
  std::uint64_t socket_raw_base_ = 0;  // the counters when the socket's buffer was last empty
  std::uint64_t socket_packet_base_ = 0;
  std::uint64_t socket_base_ = 0;
};

}  // namespace tunneld::ssh
