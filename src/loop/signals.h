// Signals as events of the loop.
#pragma once

#include <functional>

#include "loop/loop.h"

namespace tunneld::loop {

class SignalWatch {
 public:
  SignalWatch(Loop& loop, int signal_number, std::function<void()> callback);
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

 private:
  struct Handle;
  Handle* handle_;
  std::function<void()> callback_;
};

}  // namespace tunneld::loop
