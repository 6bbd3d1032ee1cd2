#include "cli/live_line.h"

#include <string_view>

#include "cli/output.h"
#include "cli/text.h"

namespace tunneld::cli {
namespace {

constexpr std::string_view kFrames = "|/-\\";
constexpr std::string_view kEraseLine = "\r\x1b[K";

}  // namespace

void LiveLine::show(const std::string& text) {
  if (!enabled_) return;
  if (text.empty()) return clear();
  const std::string line = std::string(1, kFrames[frame_++ % kFrames.size()]) + " " + text;
  // The last column stays free: writing there makes some terminals wrap.
  write_err(std::string(kEraseLine) + cut_to_width(line, terminal_width() - 1));
  drawn_ = true;
}

void LiveLine::print(const std::string& text) {
  clear();
  write_err(text + "\n");
}

void LiveLine::clear() {
  if (drawn_) write_err(kEraseLine);
  drawn_ = false;
}

}  // namespace tunneld::cli
