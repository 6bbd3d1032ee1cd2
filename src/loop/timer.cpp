#include "loop/timer.h"

#include <uv.h>

#include <utility>

namespace tunneld::loop {

struct Timer::Handle {
  uv_timer_t timer;
  Timer* owner;
};

Timer::Timer(Loop& loop, std::function<void()> callback)
    : handle_(new Handle), callback_(std::move(callback)), loop_(loop) {
  uv_timer_init(loop.raw(), &handle_->timer);
  handle_->timer.data = handle_;
  handle_->owner = this;
}

Timer::~Timer() {
  handle_->owner = nullptr;
  uv_close(reinterpret_cast<uv_handle_t*>(&handle_->timer),
           [](uv_handle_t* handle) { delete static_cast<Handle*>(handle->data); });
  loop_.changed();
}

void Timer::start(std::uint64_t delay_ms, std::uint64_t repeat_ms) {
  // libuv counts from the turn's start: a turn that worked for long would make the deadline early.
  uv_update_time(handle_->timer.loop);
  uv_timer_start(
      &handle_->timer,
      [](uv_timer_t* timer) {
        if (Timer* owner = static_cast<Handle*>(timer->data)->owner) owner->callback_();
      },
      delay_ms, repeat_ms);
  loop_.changed();
}

void Timer::stop() { uv_timer_stop(&handle_->timer); }
bool Timer::active() const { return uv_is_active(reinterpret_cast<const uv_handle_t*>(&handle_->timer)) != 0; }

}  // namespace tunneld::loop
