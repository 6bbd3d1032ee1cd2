// Readiness of a descriptor that somebody else owns. The descriptor must outlive the Poller.
#pragma once

#include <functional>

#include "loop/loop.h"

namespace tunneld::loop {

class Poller {
 public:
  static constexpr unsigned kReadable = 1;
  static constexpr unsigned kWritable = 2;
  // In a callback: the descriptor has an error (a reset). It is always reported while watching; in watch() it asks
  // for nothing else, so that a peer's reset is seen by someone who does not read at the moment.
  static constexpr unsigned kError = 4;

  Poller(Loop& loop, int fd, std::function<void(unsigned events)> callback);
  ~Poller();
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  // Level-triggered. 0 stops watching. The system is asked only when the mask changes.
  void watch(unsigned events);
  unsigned watched() const { return watched_; }

 private:
  struct Handle;
  Handle* handle_;
  std::function<void(unsigned)> callback_;
  unsigned watched_ = 0;
};

}  // namespace tunneld::loop
