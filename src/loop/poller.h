// Readiness of a descriptor that somebody else owns. The descriptor must stay open until close(), or the Poller's end:
// the system is told to forget its number, which by then may be another's.
#pragma once

#include <functional>

#include "loop/loop.h"

namespace tunneld::loop {

class Poller {
 public:
  static constexpr unsigned kReadable = 1;
  static constexpr unsigned kWritable = 2;
  // In a callback: the descriptor may have an error (a reset), and is not watched any more. It is always reported
  // while watching; in watch() it asks for nothing else, so that someone who does not read sees a peer's reset.
  static constexpr unsigned kError = 4;

  Poller(Loop& loop, int fd, std::function<void(unsigned events)> callback);
  ~Poller();
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  // Level-triggered. 0 stops watching. The system is asked only when the mask changes.
  void watch(unsigned events);
  // Lets go of the descriptor for good. May be called from the callback, where destroying may not.
  void close();

 private:
  struct Handle;
  Handle* handle_;
  std::function<void(unsigned)> callback_;
  Loop& loop_;
  unsigned watched_ = 0;
};

}  // namespace tunneld::loop
