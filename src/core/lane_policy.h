// Lanes: several SSH sessions to a chain's last hop. One sshd process serves one session, in one thread, with
// a poll loop that grows with the session's channels; and a bulk stream queues in front of everything else
// that its session carries. A further lane has another process and queues of its own. Pure: which lane takes
// a connection, when a lane is opened and closed; the driver does it, keeps the time, and knows what carries
// bulk.
//
// Lanes are filled in order, not evenly: the lowest-numbered quiet one takes the connection until it is
// crowded. What spreading could gain is small (500 idle channels make an echo 0.4 ms slower, and no lane has
// so many), and it would keep every lane in use for good, where filling leaves the last ones to become idle
// and close. A pool of a few connections stays on lane 0. Only when every quiet lane is crowded is the one
// with the fewest channels taken.
//
// A lane is crowded before it is full, and that is when the next one is opened: behind the connection that
// finds it so, which need not wait. The next connections go to the new lane, so it was not opened for
// nothing. For the same reason one is opened, and kept, beside a bulk stream that goes on: whoever connects next would
// wait for a log-in, which over a long link takes as long as a person notices. Two lanes are never opening at
// once: 500 connections in one moment cost a log-in or two, not sixteen, and a server's MaxStartups is left alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace tunneld {

struct LaneLimits {
  std::size_t max_lanes = 16;  // each is a process on the server; 16 x 256 hold 4096 connections
  // Where sshd's poll loop begins to be felt: with 500 channels an echo takes 0.6 ms, with 4000 5.2 ms.
  std::size_t channels_per_lane = 256;
  // A minute outlasts the pause between two commands of a person; a lane that is opened anew costs a log-in.
  std::uint64_t close_idle_after_ms = 60'000;

  // From so many channels on the next lane is opened. A quarter is left for those who come while it logs in:
  // 64 of 256 are a tenth of a second at 500 connections a second. Who comes later than that waits for it.
  std::size_t crowded_at() const { return channels_per_lane - channels_per_lane / 4; }
};

enum class LaneState {
  opening,  // none of its channels can be opened yet
  ready,
};

// One lane, as the driver sees it now. A lane that is lost, or could not be opened, is no longer in the list.
struct Lane {
  LaneState state = LaneState::ready;
  std::size_t channels = 0;  // those being opened included
  // A client's channel of this lane is bulk (core/bulk_meter.h), or one of another lane or profile that runs
  // through a hop this lane runs through as well. Not what a hop moves in all: many small clients are no bulk
  // stream.
  bool carries_bulk = false;
  // A sign of life that was asked for has not come in time. It may come back, and so may its clients' answers.
  bool stalled = false;
  std::uint64_t idle_ms = 0;  // since it was first seen ready without a channel
};

// For so long after a lane could not be opened, or was lost (as a rule the server allows no more), the others
// are shared. A new chain starts afresh.
inline constexpr std::uint64_t kLaneRetryAfterMs = 30'000;

// A log-in that needs a person, an OTP or a touch, is asked for once: by lane 0.
bool may_open_lane(bool login_needs_person, std::optional<std::uint64_t> since_failure_ms);

struct LaneAsk {
  bool may_open = true;  // may_open_lane()
  bool may_wait = true;  // false for a connection that has waited long enough
};

struct LaneChoice {
  // The ready lane that takes the connection. None: it waits until the lane that is opening, or is opened
  // now, is ready or has failed, or until the driver's patience ends, and is then asked for anew. Where no
  // lane is ready there is no chain yet, and the client is held until there is.
  std::optional<std::size_t> lane;
  bool open = false;  // open one lane more, now
  bool operator==(const LaneChoice&) const = default;
};

// Which lane takes a new connection. `lanes` in order of their numbers; those are the indices of the answer.
// - Quiet lanes (no bulk, not stalled) come before others, uncrowded ones before crowded ones. Of the uncrowded it is the
//   first; of the crowded, and of those with bulk, the one with the fewest channels. Stalled ones come last.
// - Where no lane is quiet and uncrowded, one more is opened, if it may be: none is opening yet, and there
//   are fewer than max_lanes.
// - The connection waits, if it may, only where no lane is quiet and has room, and one is opening or is
//   opened now. Otherwise the best ready lane takes it, even one that is full. In a stalled one it waits as well as
//   outside, until that is lost; when another is ready, the driver takes it there.
LaneChoice choose_lane(const std::vector<Lane>& lanes, const LaneLimits& limits, const LaneAsk& ask);

// Although nobody asks for it one lane more is opened where choose_lane() would, once all sessions that carry clients' bulk do so
// for so long without a break: what is over within two seconds opens none (its channel is bulk for one more).
inline constexpr std::uint64_t kAheadAfterMs = 3'000;

// The lane that the next connection takes, if it is quiet and uncrowded.
std::optional<std::size_t> quiet_lane(const std::vector<Lane>& lanes, const LaneLimits& limits);

// Ready lanes that had no channel for close_idle_after_ms, in order; never lane 0, which is the chain itself, nor
// quiet_lane(). Should the next connection need one again that has been closed, that is one log-in, and no more than one
// a minute for each lane.
std::vector<std::size_t> lanes_to_close(const std::vector<Lane>& lanes, const LaneLimits& limits);

// Where a new lane parts from lane 0.
enum class ParallelFrom {
  last_hop,   // one session more, through lane 0's hops before the last
  first_hop,  // a chain of its own
};

// `hop_carries_bulk`: of lane 0's sessions, outermost first, which carry a bulk stream, this profile's or
// another's. The last does not matter: the new lane has its own. There is nothing between all and none: what
// an inner session carries goes through all outer ones, so where any hop before the last carries bulk the
// first does, and nothing can be shared. Nor where a lane is `stalled`: which hop is to blame is not known yet.
ParallelFrom parallel_from(const std::vector<bool>& hop_carries_bulk, bool stalled);

}  // namespace tunneld
