// When the servers of a chain are to be nudged. sshd leaves TCP_NODELAY off on the connection that a session comes in by, so
// that the end of what it sends waits for the acknowledgement of what went before (RFC 896), and the server before it, which
// has nothing to send there, delays that by up to 40 ms (RFC 1122, 4.2.3.2). Whatever goes from us to the inner session
// takes the acknowledgement along on each link of the way; an empty SSH_MSG_IGNORE does, when there is nothing else.
// Pure: the caller has the clock, the timer and the session.
#pragma once

#include <cstdint>
#include <optional>

namespace tunneld {

// So long nothing more has come: long enough for what follows of its own, and for a client that answers at once.
inline constexpr std::uint64_t kLullUs = 1'000;
// The next one waits for a round trip, within which the first can have no effect: each costs about 150 bytes of the first
// link, which may be slow and bring its packets one by one. But nobody shall wait longer than this for it.
inline constexpr std::uint64_t kMostBetweenNudgesUs = 10'000;
// Once so much has come since the last one, another costs no more than TCP's own acknowledgements of it.
inline constexpr std::uint64_t kBytesANudge = 8 * 1024;

class NudgePolicy {
 public:
  // `bytes` have come from the server; we have sent `packets` so far, in the whole session.
  void heard(std::uint64_t now_us, std::uint64_t bytes, std::uint64_t packets);
  // In how many us one is due, 0 being now; nothing when something has been sent since, which does the same.
  // `rtt_us` is the session's round trip, 0 when it is not known.
  std::optional<std::uint64_t> due_in_us(std::uint64_t now_us, std::uint64_t packets, std::uint64_t rtt_us) const;
  void nudged(std::uint64_t now_us);

 private:
  std::uint64_t heard_at_us_ = 0;
  std::uint64_t packets_ = 0;  // when it was last heard of
  std::uint64_t bytes_ = 0;    // since the last nudge
  std::uint64_t nudged_at_us_ = 0;
};

}  // namespace tunneld
