// One deadline or interval. Destroying it, or stop(), means that the callback does not come any more.
#pragma once

#include <cstdint>
#include <functional>

#include "loop/loop.h"

namespace tunneld::loop {

class Timer {
 public:
  Timer(Loop& loop, std::function<void()> callback);
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // Fires once after `delay_ms`, then every `repeat_ms` if that is not 0. Restarts a running timer.
  void start(std::uint64_t delay_ms, std::uint64_t repeat_ms = 0);
  void stop();
  bool active() const;

 private:
  struct Handle;
  Handle* handle_;
  std::function<void()> callback_;
  Loop& loop_;
};

}  // namespace tunneld::loop
