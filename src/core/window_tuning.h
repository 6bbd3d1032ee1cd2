// How large a channel's receive window should be (RFC 4254 section 5.2). A window is what may be under way to us: one that
// is smaller than a long link holds limits the speed to a window a round trip; one that is larger only queues at the
// server, in front of everything else and at a price: OpenSSH's copies all that waits in its output for each packet that
// is added (sshbuf_allocate), and with 15 MB there gets 7 MB/s done. Pure.
#pragma once

#include <cstdint>

namespace tunneld {

inline constexpr std::uint32_t kDefaultWindow = 1'280'000;  // libssh's own
// OpenSSH's servers hold 16 MiB of input for a channel; more than that was found to harm.
inline constexpr std::uint32_t kMaxWindow = 15 * 1024 * 1024;

// On a shorter round trip the default window is no limit: 1.28 MB in 2 ms are 640 MB/s.
inline constexpr std::uint64_t kShortRttUs = 2'000;
// A window that paid for itself has made the channel faster by a quarter at least, where it could by three.
inline constexpr std::uint64_t kPaysPercent = 125;
// How long the next try waits after one that did not pay. Soon, since on a chain another channel may have been the limit;
// twice as long each time, since a try that does not pay queues.
inline constexpr std::uint64_t kRetryAfterUs = 2'000'000;
inline constexpr std::uint64_t kLongestWaitUs = 64'000'000;

// A busy machine's, and no sign of anything.
inline constexpr std::uint64_t kHiccupUs = 100'000;
// Whether a stream that was fast is so no more: the last `1/kTopUps` of a window took longer than a round trip and a
// quarter, and than a hiccup. What is under way piles up in the server then, and slows it down further; it drains when
// nothing is added.
bool slumped(std::uint64_t piece_us, std::uint64_t rtt_us);
// A window is opened again when this part of it has been taken in: with half of it a long link would stand still for half
// of each round trip, and what is let through in lumps comes in lumps.
inline constexpr std::uint32_t kTopUps = 16;

// What was seen while a window's worth came and was taken in.
struct WindowSample {
  std::uint64_t now_us;
  std::uint64_t elapsed_us;
  std::uint64_t rtt_us;  // the shortest round trip seen; 0 when none was
  std::uint32_t spare;   // bytes that the daemon may still spend on windows
  bool stalled;          // the local side did not keep up
};

// Makes the window four times as large when it may be what limits the speed, and keeps of that, if it paid, what the link
// holds twice; makes it half as large when it is not taken in; never smaller than kDefaultWindow. The round trip that is
// known may be too long (a busy machine, the stream's own queue), so that only trying tells.
class WindowTuner {
 public:
  std::uint32_t window() const { return window_; }
  void step(const WindowSample& sample);
  // Half as large: it is not taken in, or what it let through has piled up somewhere.
  void shrink();

 private:
  bool paid(std::uint64_t elapsed_us) const;
  void end_try(const WindowSample& sample);

  std::uint32_t window_ = kDefaultWindow;
  // The try under way: what was before it. 0: none is.
  std::uint32_t window_before_ = 0;
  std::uint64_t elapsed_before_us_ = 0;
  bool in_force_ = false;  // what comes now has been sent under the larger window
  std::uint64_t wait_us_ = kRetryAfterUs;  // after the next try that does not pay
  std::uint64_t wait_until_us_ = 0;
};

}  // namespace tunneld
