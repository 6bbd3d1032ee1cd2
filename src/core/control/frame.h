// Splits the control socket's byte stream into frames (src/daemon/CONTROL.md): one line each, with a limit.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace tunneld::control {

// The longest frame, its '\n' included. Bounds what a peer can make the other side keep.
inline constexpr std::size_t kMaxFrameBytes = 65'536;

// Owns the bytes of frames that are not taken yet: at most what one feed() brought beyond kMaxFrameBytes.
// Take every frame between two calls of feed(). Not thread-safe; does no I/O.
class FrameSplitter {
 public:
  // Adds bytes as they were read. Ignored once too_long() is true: the peer has lost the right to be heard.
  void feed(std::string_view bytes);

  // The next complete frame, without its '\n'; nothing when the rest is not complete, or too_long().
  // The frames before an overlong one are still given.
  std::optional<std::string> next();

  // True once a frame is longer than kMaxFrameBytes: the connection is to be dropped. Final.
  // Only known after next() has given all frames before it.
  bool too_long() const { return too_long_; }

  // True when a frame has begun and its end has not been seen (the reader's deadline runs).
  bool unfinished() const { return !too_long_ && start_ < buffer_.size(); }

 private:
  std::string buffer_;
  std::size_t start_ = 0;    // where the next frame begins in buffer_
  std::size_t scanned_ = 0;  // no '\n' stands in [start_, scanned_)
  bool too_long_ = false;
};

}  // namespace tunneld::control
