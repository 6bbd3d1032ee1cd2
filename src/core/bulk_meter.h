// Whether one client's channel carries a bulk stream: a dump, a copy, a long result. A bulk stream fills the
// queues of the session that carries it, and whatever else goes that way waits behind it
// (core/lane_policy.h). Pure: the caller passes the time, which never goes back (a loop's time as already
// read will do).
#pragma once

#include <cstdint>

namespace tunneld {

// 2 MiB/s. Above what one interactive client makes: `pgbench -S` with one client moves 1 MB/s over loopback,
// where nothing holds it up. A stream that its link keeps below this (17 Mbit/s) is not told from such a
// client.
inline constexpr std::uint64_t kBulkBytes = std::uint64_t{1024} * 1024;
// Long enough that a page of rows or a file of some 100 kB is not a stream; short enough that who connects a
// second after a dump has begun is not put behind it.
inline constexpr std::uint64_t kBulkSpanMs = 500;

// Counts in spans of kBulkSpanMs, which follow one another; after a whole span of silence the next begins
// with the next byte. Bulk from the moment a span has moved kBulkBytes until a whole span has passed with
// less. So:
// - what stays below kBulkBytes in every stretch of a span's length is never bulk;
// - a stream that begins after silence is bulk as soon as it has moved kBulkBytes, one that grows out of a
//   trickle within two spans;
// - two spans after its last byte nothing is bulk, however late the question comes.
class BulkMeter {
 public:
  // Called for each packet, of both directions: a compare and an add.
  void add(std::uint64_t bytes, std::uint64_t now_ms) {
    if (now_ms - span_began_ms_ >= kBulkSpanMs) begin_span(now_ms);
    span_bytes_ += bytes;
  }

  bool bulk(std::uint64_t now_ms) const;

 private:
  void begin_span(std::uint64_t now_ms);

  std::uint64_t span_began_ms_ = 0;
  std::uint64_t span_bytes_ = 0;
  bool span_before_was_bulk_ = false;
};

}  // namespace tunneld
