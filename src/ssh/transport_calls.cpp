// The four functions of the C library through which libssh reaches its descriptor, replaced for the whole
// program: the dynamic linker takes the program's definition before the library's (ELF symbol precedence,
// ld.so(8)). For a descriptor that stands for a Transport they go there; for any other, to the system.
#undef _FORTIFY_SOURCE  // its inline functions have the names that are defined here

#include <dlfcn.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "ssh/transport.h"

namespace tunneld::ssh {
namespace {

// options.c keeps 16 bits of SSH_OPTIONS_FD.
constexpr int kDescriptors = 65'536;

// Set and cleared in the thread of the session's loop, or by its visitors, looked at by any that does I/O.
std::array<std::atomic<Transport*>, kDescriptors> g_transports{};

Transport* transport_of(int descriptor) {
  if (descriptor < 0 || descriptor >= kDescriptors) return nullptr;
  return g_transports[static_cast<std::size_t>(descriptor)].load(std::memory_order_acquire);
}

void set_transport(int descriptor, Transport* transport) {
  g_transports[static_cast<std::size_t>(descriptor)].store(transport, std::memory_order_release);
}

// The definition that this one stands before.
template <typename Function>
Function next(const char* name) {
  void* found = ::dlsym(RTLD_NEXT, name);
  if (found == nullptr) {
    std::fprintf(stderr, "tunneld: the C library has no %s()\n", name);
    std::abort();
  }
  return reinterpret_cast<Function>(found);
}

}  // namespace

Transport::Transport() : descriptor_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (descriptor_.get() >= kDescriptors) descriptor_.reset();
  if (descriptor_) set_transport(descriptor_.get(), this);
}

Transport::~Transport() {
  closed();
}

void Transport::closed() {
  if (!descriptor_) return;
  set_transport(descriptor_.get(), nullptr);
  descriptor_.reset();
}

short Transport::poll(short events) {
  int found = 0;
  if (allowed_.reading && readable()) found |= events & POLLIN;
  if (allowed_.sending && writable()) found |= events & POLLOUT;
  // Not for POLLIN: libssh does not read before it could send for the first time.
  if ((found & POLLOUT) != 0) progress_ = true;
  return static_cast<short>(found);
}

ssize_t Transport::read_for_libssh(char* to, std::size_t size) {
  progress_ = true;
  return receive(to, size);
}

bool Transport::take_progress() {
  return std::exchange(progress_, false);
}

}  // namespace tunneld::ssh

// Also in a program whose symbols are hidden otherwise.
#define TUNNELD_EXPORTED __attribute__((visibility("default"), used))

extern "C" {

// Under a name of its own: the C library declares poll()'s array as one that is only written to.
TUNNELD_EXPORTED int poll_transport(pollfd* fds, nfds_t count, int timeout) __asm__("poll");
int poll_transport(pollfd* fds, nfds_t count, int timeout) {
  using tunneld::ssh::transport_of;
  // libssh polls a session's descriptor alone, and without waiting.
  if (count == 1) {
    if (tunneld::ssh::Transport* transport = transport_of(fds->fd)) {
      fds->revents = transport->poll(fds->events);
      return fds->revents != 0 ? 1 : 0;
    }
  }
  static const auto system_poll = tunneld::ssh::next<int (*)(pollfd*, nfds_t, int)>("poll");
  return system_poll(fds, count, timeout);
}

TUNNELD_EXPORTED ssize_t recv(int fd, void* buffer, size_t size, int flags) {
  if (tunneld::ssh::Transport* transport = tunneld::ssh::transport_of(fd))
    return transport->read_for_libssh(static_cast<char*>(buffer), size);
  static const auto system_recv = tunneld::ssh::next<ssize_t (*)(int, void*, size_t, int)>("recv");
  return system_recv(fd, buffer, size, flags);
}

TUNNELD_EXPORTED ssize_t send(int fd, const void* buffer, size_t size, int flags) {
  if (tunneld::ssh::Transport* transport = tunneld::ssh::transport_of(fd))
    return transport->send(static_cast<const char*>(buffer), size);
  static const auto system_send = tunneld::ssh::next<ssize_t (*)(int, const void*, size_t, int)>("send");
  return system_send(fd, buffer, size, flags);
}

// libssh closes the descriptor of a session that has failed. Its number may be another's at once.
TUNNELD_EXPORTED int close(int fd) {
  if (tunneld::ssh::Transport* transport = tunneld::ssh::transport_of(fd)) {
    transport->closed();
    return 0;
  }
  static const auto system_close = tunneld::ssh::next<int (*)(int)>("close");
  return system_close(fd);
}

}  // extern "C"
