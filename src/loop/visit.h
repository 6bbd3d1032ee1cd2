// The right to call into objects of a loop that runs in another thread, and they into one another, as long as it lives. It
// waits for the turn that the loop is in, no longer: whoever calls must not do so from a turn that others visit.
// So the main loop's thread visits others, and none of theirs visits any; what those have to say is posted (Loop::post).
//
// For objects of a loop that has no thread of its own, or in that thread, it does nothing.
#pragma once

#include <utility>

#include "loop/loop.h"

namespace tunneld::loop {

class Visit {
 public:
  explicit Visit(Loop& loop);
  ~Visit();
  Visit(Visit&& other) noexcept : loop_(std::exchange(other.loop_, nullptr)) {}
  Visit& operator=(Visit&& other) noexcept {
    std::swap(loop_, other.loop_);
    return *this;
  }

 private:
  Loop* loop_;  // null: nothing is to be ended
};

}  // namespace tunneld::loop
