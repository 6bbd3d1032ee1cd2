#include "loop/signals.h"

#include <uv.h>

#include <utility>

namespace tunneld::loop {

struct SignalWatch::Handle {
  uv_signal_t signal;
  SignalWatch* owner;
};

SignalWatch::SignalWatch(Loop& loop, int signal_number, std::function<void()> callback)
    : handle_(new Handle), callback_(std::move(callback)) {
  uv_signal_init(loop.raw(), &handle_->signal);
  handle_->signal.data = handle_;
  handle_->owner = this;
  uv_signal_start(
      &handle_->signal,
      [](uv_signal_t* signal, int) {
        if (SignalWatch* owner = static_cast<Handle*>(signal->data)->owner) owner->callback_();
      },
      signal_number);
}

SignalWatch::~SignalWatch() {
  handle_->owner = nullptr;
  uv_close(reinterpret_cast<uv_handle_t*>(&handle_->signal),
           [](uv_handle_t* handle) { delete static_cast<Handle*>(handle->data); });
}

}  // namespace tunneld::loop
