#include "loop/loop.h"

#include <uv.h>

#include <cstdio>
#include <cstdlib>

namespace tunneld::loop {

// An idle handle is active only while tasks wait: it keeps the loop from blocking in poll.
struct Loop::Deferral {
  uv_idle_t idle;
  Loop* owner;
};

Loop::Loop() : loop_(new uv_loop_t), deferral_(new Deferral) {
  if (uv_loop_init(loop_) != 0) {
    std::fputs("tunneld: the event loop cannot be made\n", stderr);
    std::abort();
  }
  uv_idle_init(loop_, &deferral_->idle);
  deferral_->owner = this;
  deferral_->idle.data = deferral_;
}

Loop::~Loop() {
  // What tasks retire may retire more; each round runs with the loop still whole.
  while (!tasks_.empty()) run_deferred();
  uv_close(reinterpret_cast<uv_handle_t*>(&deferral_->idle),
           [](uv_handle_t* handle) { delete static_cast<Deferral*>(handle->data); });
  uv_run(loop_, UV_RUN_DEFAULT);
  if (uv_loop_close(loop_) != 0) {
    std::fputs("tunneld: the event loop still has handles at its end\n", stderr);
    uv_print_all_handles(loop_, stderr);
    std::abort();
  }
  delete loop_;
}

void Loop::run() { uv_run(loop_, UV_RUN_DEFAULT); }
void Loop::stop() { uv_stop(loop_); }
std::uint64_t Loop::now_ms() const { return uv_now(loop_); }
std::uint64_t Loop::precise_now_ms() const { return uv_hrtime() / 1'000'000; }

void Loop::defer(std::function<void()> task) {
  tasks_.push_back(std::move(task));
  if (tasks_.size() > 1) return;
  uv_idle_start(&deferral_->idle, [](uv_idle_t* idle) { static_cast<Deferral*>(idle->data)->owner->run_deferred(); });
}

void Loop::run_deferred() {
  std::vector<std::function<void()>> tasks;
  tasks.swap(tasks_);
  uv_idle_stop(&deferral_->idle);
  for (auto& task : tasks) task();
}

}  // namespace tunneld::loop
