// The last line of a terminal, drawn again while something goes on; and final lines above it. Writes to
// stderr.
#pragma once

#include <string>

namespace tunneld::cli {

class LiveLine {
 public:
  // `enabled` false: show() does nothing, print() writes plain lines.
  explicit LiveLine(bool enabled) : enabled_(enabled) {}
  ~LiveLine() { clear(); }
  LiveLine(const LiveLine&) = delete;
  LiveLine& operator=(const LiveLine&) = delete;

  // Draws a spinner and the text, cut to the terminal's width; an empty text clears the line.
  void show(const std::string& text);
  // Writes a final line in its place. The text has no '\n' at its end.
  void print(const std::string& text);
  void clear();
  bool enabled() const { return enabled_; }

 private:
  bool enabled_;
  bool drawn_ = false;
  unsigned frame_ = 0;
};

}  // namespace tunneld::cli
