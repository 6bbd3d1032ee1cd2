// How large a channel's receive window should be (RFC 4254 section 5.2). A window is what may be under way to us: one that
// is smaller than a long link holds limits the speed to a window a round trip. Pure.
#pragma once

#include <cstdint>

namespace tunneld {

inline constexpr std::uint32_t kDefaultWindow = 1'280'000;  // libssh's own
// OpenSSH's servers hold 16 MiB of input for a channel; more than that was found to harm.
inline constexpr std::uint32_t kMaxWindow = 15 * 1024 * 1024;

// On a shorter round trip the default window is no limit (1.28 MB in 2 ms are 640 MB/s), and a larger one would only queue
// at the server in front of everything else.
inline constexpr std::uint64_t kShortRttUs = 2'000;

// What was seen while the local side took in half a window.
struct WindowSample {
  std::uint32_t window;        // bytes
  std::uint64_t elapsed_us;    // in which that half came and was taken
  std::uint64_t rtt_us;        // the shortest round trip seen; 0 when none was
  std::uint32_t spare;         // bytes that the daemon may still spend on windows
  bool stalled;                // the local side did not keep up
};

// The window from now on. Twice as large when the window may be what limits the speed, and it is taken in; half as large
// when it is not taken in; never below kDefaultWindow.
std::uint32_t tuned_window(const WindowSample& sample);

}  // namespace tunneld
