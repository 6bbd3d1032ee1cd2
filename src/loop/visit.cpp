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

namespace {

template <typename Wait>
int told(epoll_event* events, Wait wait) {
  tunneld::loop::Loop::waits();
  const int result = wait();
  const int error = errno;
  tunneld::loop::Loop::has_waited(events, result);
  errno = error;
  return result;
}

template <typename Function>
Function* of_the_system(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

TUNNELD_EXPORTED int epoll_wait(int epoll, epoll_event* events, int count, int timeout) {
  static auto* const wait = of_the_system<decltype(epoll_wait)>("epoll_wait");
  return told(events, [&] { return wait(epoll, events, count, timeout); });
}

TUNNELD_EXPORTED int epoll_pwait(int epoll, epoll_event* events, int count, int timeout, const sigset_t* signals) {
  static auto* const wait = of_the_system<decltype(epoll_pwait)>("epoll_pwait");
  return told(events, [&] { return wait(epoll, events, count, timeout, signals); });
}

}  // extern "C"
