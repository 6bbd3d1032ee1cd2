// Whose turn it is to use a loop that has a thread of its own: that thread's, but while it waits for the system, or a
// visitor's (loop/visit.h).
#pragma once

#include <condition_variable>
#include <mutex>

namespace tunneld::loop {

class Turns {
 public:
  // The loop's thread. Lets those go first who wait already: a loop that is never idle would keep them out.
  void begin_own() {
    std::unique_lock lock(mutex_);
    free_.wait(lock, [this] { return !taken_ && waiting_ == 0; });
    taken_ = true;
  }
  void begin_visit() {
    std::unique_lock lock(mutex_);
    ++waiting_;
    free_.wait(lock, [this] { return !taken_; });
    --waiting_;
    taken_ = true;
  }
  void end() {
    {
      const std::lock_guard lock(mutex_);
      taken_ = false;
    }
    free_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable free_;
  bool taken_ = false;
  int waiting_ = 0;
};

}  // namespace tunneld::loop
