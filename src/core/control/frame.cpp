#include "core/control/frame.h"

namespace tunneld::control {

void FrameSplitter::feed(std::string_view bytes) {
  if (too_long_) return;
  buffer_.erase(0, start_);
  scanned_ -= start_;
  start_ = 0;
  buffer_.append(bytes);
}

std::optional<std::string> FrameSplitter::next() {
  if (too_long_) return std::nullopt;
  const std::size_t end = buffer_.find('\n', scanned_);
  const std::size_t length = (end == std::string::npos ? buffer_.size() : end + 1) - start_;
  if (length > kMaxFrameBytes || (end == std::string::npos && length == kMaxFrameBytes)) {
    too_long_ = true;
    buffer_.clear();
    buffer_.shrink_to_fit();
    start_ = scanned_ = 0;
    return std::nullopt;
  }
  if (end == std::string::npos) {
    scanned_ = buffer_.size();
    return std::nullopt;
  }
  std::string frame = buffer_.substr(start_, end - start_);
  start_ = scanned_ = end + 1;
  return frame;
}

}  // namespace tunneld::control
