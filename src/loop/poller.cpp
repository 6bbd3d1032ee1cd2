#include "loop/poller.h"

#include <uv.h>

#include <cstdio>
#include <cstdlib>
#include <utility>

namespace tunneld::loop {

struct Poller::Handle {
  uv_poll_t poll;
  Poller* owner;
};

Poller::Poller(Loop& loop, int fd, std::function<void(unsigned)> callback)
    : handle_(new Handle), callback_(std::move(callback)), loop_(loop) {
  if (uv_poll_init(loop.raw(), &handle_->poll, fd) != 0) {
    std::fputs("tunneld: a descriptor that is not open is to be watched\n", stderr);
    std::abort();
  }
  handle_->poll.data = handle_;
  handle_->owner = this;
}

Poller::~Poller() { close(); }

void Poller::close() {
  if (handle_ == nullptr) return;
  handle_->owner = nullptr;
  uv_os_fd_t descriptor = -1;
  if (uv_fileno(reinterpret_cast<uv_handle_t*>(&handle_->poll), &descriptor) == 0) loop_.forget(descriptor);
  uv_close(reinterpret_cast<uv_handle_t*>(&handle_->poll),
           [](uv_handle_t* handle) { delete static_cast<Handle*>(handle->data); });
  handle_ = nullptr;
  loop_.changed();
}

void Poller::watch(unsigned events) {
  if (events == watched_ || handle_ == nullptr) return;
  watched_ = events;
  loop_.changed();
  if (events == 0) {
    uv_poll_stop(&handle_->poll);
    return;
  }
  // libuv knows no empty interest. Urgent data, which no protocol here uses, stands in for it: errors come anyway.
  int mask = (events & kReadable ? UV_READABLE : 0) | (events & kWritable ? UV_WRITABLE : 0);
  if (mask == 0) mask = UV_PRIORITIZED;
  uv_poll_start(&handle_->poll, mask, [](uv_poll_t* poll, int status, int ready) {
    Poller* owner = static_cast<Handle*>(poll->data)->owner;
    if (owner == nullptr) return;
    if (status < 0) {
      owner->watched_ = 0;  // libuv has stopped watching
      owner->callback_(kError);
      return;
    }
    // Urgent data, or a hang-up alone: either would be reported for ever.
    if ((ready & UV_PRIORITIZED) != 0) owner->watch(0);
    owner->callback_((ready & UV_READABLE ? kReadable : 0u) | (ready & UV_WRITABLE ? kWritable : 0u) |
                     (ready & UV_PRIORITIZED ? kError : 0u));
  });
}

}  // namespace tunneld::loop
