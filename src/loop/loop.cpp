#include "loop/loop.h"

#include <uv.h>

#include <cstdio>
#include <cstdlib>

namespace tunneld::loop {

namespace {

[[noreturn]] void die_of_live_handles(uv_loop_t* loop) {
  std::fputs("tunneld: the event loop still has handles at its end\n", stderr);
  uv_print_all_handles(loop, stderr);
  std::abort();
}

// Handles that nobody has closed, apart from `own`. Running the loop would wait for them for ever.
bool has_live_handles(uv_loop_t* loop, const void* own) {
  struct Search {
    const void* own;
    bool found;
  } search{own, false};
  uv_walk(
      loop,
      [](uv_handle_t* handle, void* data) {
        auto& walk = *static_cast<Search*>(data);
        if (handle != walk.own && uv_is_closing(handle) == 0) walk.found = true;
      },
      &search);
  return search.found;
}

}  // namespace

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
  // Jobs that still run may defer tasks when they end, and what tasks retire may retire more; so the idle handle goes
  // last. A loop that was told to stop returns early once.
  bool alive = true;
  while (alive) {
    while (!tasks_.empty() || !follow_ups_.empty()) run_deferred();
    if (has_live_handles(loop_, &deferral_->idle)) die_of_live_handles(loop_);
    alive = uv_run(loop_, UV_RUN_DEFAULT) != 0 || !tasks_.empty() || !follow_ups_.empty();
  }
  uv_close(reinterpret_cast<uv_handle_t*>(&deferral_->idle),
           [](uv_handle_t* handle) { delete static_cast<Deferral*>(handle->data); });
  uv_run(loop_, UV_RUN_DEFAULT);
  if (uv_loop_close(loop_) != 0) die_of_live_handles(loop_);
  delete loop_;
}

void Loop::run() { uv_run(loop_, UV_RUN_DEFAULT); }
void Loop::stop() { uv_stop(loop_); }
std::uint64_t Loop::now_ms() const { return uv_now(loop_); }
std::uint64_t Loop::precise_now_ms() const { return uv_hrtime() / 1'000'000; }
std::uint64_t Loop::precise_now_us() const { return uv_hrtime() / 1'000; }

void Loop::defer(std::function<void()> task) {
  tasks_.push_back(std::move(task));
  wake_deferral();
}

void Loop::follow_up(std::function<void()> task) {
  follow_ups_.push_back(std::move(task));
  wake_deferral();
}

void Loop::wake_deferral() {
  uv_idle_start(&deferral_->idle,
                [](uv_idle_t* idle) { static_cast<Deferral*>(idle->data)->owner->run_deferred(); });
}

void Loop::run_deferred() {
  std::vector<std::function<void()>> tasks;
  tasks.swap(tasks_);
  for (auto& task : tasks) task();
  while (!follow_ups_.empty()) {
    tasks.clear();
    tasks.swap(follow_ups_);
    for (auto& task : tasks) task();
  }
  if (tasks_.empty()) uv_idle_stop(&deferral_->idle);
}

}  // namespace tunneld::loop
