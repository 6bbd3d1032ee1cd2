// Whether one client's channel carries a bulk stream: a dump, a copy, a long result. A bulk stream fills the
// queues of the session that carries it, and whatever else goes that way waits behind it
// (core/lane_policy.h). Pure: the caller passes the time, which never goes back (a loop's time as already
// read will do).
#pragma once

#include <cstdint>

namespace tunneld {

// 512 KiB/s, 4 Mbit/s: below what any link carries on which somebody moves a dump, and more than a person reads.
inline constexpr std::uint64_t kBulkBytes = std::uint64_t{256} * 1024;
// So many bytes of one direction are the questions to one byte of answers, or the other way round. `pgbench -S` over
// loopback moves 1 MB/s with one client, but as much one way as the other: what is not one-sided does not count.
inline constexpr std::uint64_t kOneSided = 8;
// Long enough that a page of rows or a file of some 100 kB is not a stream; short enough that who connects a
// second after a dump has begun is not put behind it.
inline constexpr std::uint64_t kBulkSpanMs = 500;

// Counts in spans of kBulkSpanMs, which follow one another; after a whole span of silence the next begins
// with the next byte. Bulk from the moment a span has moved kBulkBytes until a whole span has passed with
// less. So:
// - what stays below kBulkBytes in every stretch of a span's length is never bulk, nor what is not one-sided;
// - a stream that begins after silence is bulk as soon as it has moved kBulkBytes, one that grows out of a
//   trickle within two spans;
// - two spans after its last byte nothing is bulk, however late the question comes.
class BulkMeter {
 public:
  // Called for each packet: a compare and an add.
  void add_down(std::uint64_t bytes, std::uint64_t now_ms) { add(down_bytes_, bytes, now_ms); }
  void add_up(std::uint64_t bytes, std::uint64_t now_ms) { add(up_bytes_, bytes, now_ms); }

  bool bulk(std::uint64_t now_ms) const;

 private:
  void add(std::uint64_t& counter, std::uint64_t bytes, std::uint64_t now_ms) {
    if (now_ms - span_began_ms_ >= kBulkSpanMs) begin_span(now_ms);
    counter += bytes;
  }
  void begin_span(std::uint64_t now_ms);
  bool span_is_bulk() const;

  std::uint64_t span_began_ms_ = 0;
  std::uint64_t down_bytes_ = 0;  // of this span
  std::uint64_t up_bytes_ = 0;
  bool span_before_was_bulk_ = false;
};

}  // namespace tunneld
