// A loop with a thread of its own, for what must not wait behind the work of another: the system gives a thread that does
// little its turn at once. Others use what belongs to it by a Visit.
#pragma once

#include <functional>
#include <memory>
#include <thread>
#include <utility>

#include "loop/loop.h"

namespace tunneld::loop {

class LoopThread {
 public:
  // `name`, up to 15 bytes, is what the system calls the thread; `prepare` is called in it first. Null when the system has
  // no descriptors or threads left, or its libuv does not let loops be visited.
  static std::unique_ptr<LoopThread> make(const char* name, std::function<void()> prepare);
  // Everything that used the loop is gone. Waits until the thread has ended, and jobs off the loop that are under way.
  ~LoopThread();
  LoopThread(const LoopThread&) = delete;
  LoopThread& operator=(const LoopThread&) = delete;

  Loop& loop() { return *loop_; }

 private:
  explicit LoopThread(std::unique_ptr<Loop> loop) : loop_(std::move(loop)) {}

  std::unique_ptr<Loop> loop_;
  std::thread thread_;
};

}  // namespace tunneld::loop
