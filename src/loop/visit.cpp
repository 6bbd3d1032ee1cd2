#include "loop/visit.h"

#include <dlfcn.h>
#include <sys/epoll.h>

#include <cerrno>

namespace tunneld::loop {

Visit::Visit(Loop& loop) : loop_(loop.begin_visit() ? &loop : nullptr) {}

Visit::~Visit() {
  if (loop_ != nullptr) loop_->end_visit();
}

}  // namespace tunneld::loop

// libuv offers nothing that is called when it begins to wait, after all that it was told has reached the system, and none
// when it has waited. So the functions that it waits with are replaced for the whole program: the dynamic linker takes the
// program's definition before the library's (ELF symbol precedence, ld.so(8)).
#define TUNNELD_EXPORTED __attribute__((visibility("default"), used))

extern "C" {

TUNNELD_EXPORTED int epoll_wait(int epoll, epoll_event* events, int count, int timeout) {
  using tunneld::loop::Loop;
  static const auto system_wait =
      reinterpret_cast<int (*)(int, epoll_event*, int, int)>(::dlsym(RTLD_NEXT, "epoll_wait"));
  Loop::waits();
  const int result = system_wait(epoll, events, count, timeout);
  const int error = errno;
  Loop::has_waited(events, result);
  errno = error;
  return result;
}

TUNNELD_EXPORTED int epoll_pwait(int epoll, epoll_event* events, int count, int timeout, const sigset_t* signals) {
  using tunneld::loop::Loop;
  static const auto system_wait =
      reinterpret_cast<int (*)(int, epoll_event*, int, int, const sigset_t*)>(::dlsym(RTLD_NEXT, "epoll_pwait"));
  Loop::waits();
  const int result = system_wait(epoll, events, count, timeout, signals);
  const int error = errno;
  Loop::has_waited(events, result);
  errno = error;
  return result;
}

}  // extern "C"
