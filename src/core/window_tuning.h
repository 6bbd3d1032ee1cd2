// How large a channel's receive window should be (RFC 4254 section 5.2). A window is what may be under way to us: one that
// is smaller than a long link holds limits the speed to a window a round trip; one that is larger only queues at the
// server, in front of everything else and at a price: OpenSSH's copies all that waits in its output for each packet that
// is added (sshbuf_allocate), and with 15 MB there gets 7 MB/s done. Pure.
#pragma once

#include <array>
#include <cstdint>

namespace tunneld {

inline constexpr std::uint32_t kDefaultWindow = 1'280'000;  // libssh's own
// The least on a longer link: what OpenSSH's client has there, always.
inline constexpr std::uint32_t kFarWindow = 2 * 1024 * 1024;
// OpenSSH's servers hold 16 MiB of input for a channel; more than that was found to harm.
inline constexpr std::uint32_t kMaxWindow = 15 * 1024 * 1024;

// On a shorter round trip the default window is no limit: 1.28 MB in 2 ms are 640 MB/s.
inline constexpr std::uint64_t kShortRttUs = 2'000;
// A window is opened again when this much of it has been taken in, as OpenSSH does (three packets): what is let through in
// lumps comes in lumps, and these queue, overflow the sockets between the servers and wait for their retransmission.
inline constexpr std::uint32_t kTopUpBytes = 96 * 1024;

// What was taken in since the window was last opened.
struct WindowSample {
  std::uint64_t now_us;
  std::uint64_t taken;   // bytes
  std::uint64_t rtt_us;  // the shortest round trip that the session has seen; 0 when none was
  std::uint32_t spare;   // bytes that the daemon may still spend on windows above kFarWindow
};

// Half as much again as is taken in within a round trip, much as the receive buffers of TCP are sized (dynamic right-sizing;
// Fisk and Feng, 2001): a window that limits the speed grows by half each round trip, until the link is full, and one that
// a slow client or a slow server does not use shrinks. Of the last few rounds the fastest counts, since any may have been
// interrupted. (TCP doubles. The server's queue was found to cost more here than the slower start.)
class WindowTuner {
 public:
  std::uint32_t window() const { return window_; }
  void step(const WindowSample& sample);

 private:
  std::uint32_t window_ = kDefaultWindow;
  // Bytes a round trip in each of the last rounds, of which the one at round_ goes on. A round takes a round trip at least.
  std::array<std::uint64_t, 4> rounds_{};
  std::size_t round_ = 0;
  std::uint64_t round_began_us_ = 0;
  std::uint64_t round_bytes_ = 0;
};

}  // namespace tunneld
