#include "loop/loop.h"

#include <sys/epoll.h>
#include <uv.h>

#include <cstdio>
#include <atomic>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "loop/turns.h"

namespace tunneld::loop {

namespace {

[[noreturn]] void die_of_live_handles(uv_loop_t* loop) {
  std::fputs("tunneld: the event loop still has handles at its end\n", stderr);
  uv_print_all_handles(loop, stderr);
  std::abort();
}

// Handles that nobody has closed, apart from our own. Running the loop would wait for them for ever.
bool has_live_handles(uv_loop_t* loop) {
  constexpr int kOwn = 2;
  int open = 0;
  uv_walk(
      loop, [](uv_handle_t* handle, void* data) { *static_cast<int*>(data) += uv_is_closing(handle) == 0 ? 1 : 0; }, &open);
  return open > kOwn;
}

uv_loop_t* new_loop() {
  auto made = std::make_unique<uv_loop_t>();
  return uv_loop_init(made.get()) == 0 ? made.release() : nullptr;
}

thread_local Loop* t_visited = nullptr;  // this thread's, if others visit it
thread_local bool t_has_waited = false;

}  // namespace

// An idle handle is active only while tasks wait: it keeps the loop from blocking in poll.
struct Loop::Deferral {
  uv_idle_t idle;
  Loop* owner;
};

// What other threads have posted. Its handle alone keeps no loop going.
struct Loop::Mailbox {
  uv_async_t wake;
  std::mutex mutex;
  std::vector<std::function<void()>> posted;

  void run() {
    std::vector<std::function<void()>> tasks;
    {
      const std::lock_guard lock(mutex);
      tasks.swap(posted);
    }
    for (auto& task : tasks) task();
  }
};

// How a loop that has a thread of its own is shared with visitors.
struct Loop::Sharing {
  Turns turns;
  std::atomic<std::thread::id> visitor;  // none while it is the thread's turn, or nobody's
  int visits = 0;                        // the visitor's, within one another
  bool changed = false;                  // by the visitor
  std::vector<int> forgotten;            // descriptors, by visitors, since the loop began to wait
};

Loop::Loop() : Loop(new_loop()) {}

std::unique_ptr<Loop> Loop::make() {
  uv_loop_t* made = new_loop();
  return made != nullptr ? std::unique_ptr<Loop>(new Loop(made)) : nullptr;
}

Loop::Loop(uv_loop_s* made) : loop_(made), deferral_(new Deferral), mailbox_(new Mailbox) {
  if (loop_ == nullptr) {
    std::fputs("tunneld: the event loop cannot be made\n", stderr);
    std::abort();
  }
  uv_idle_init(loop_, &deferral_->idle);
  deferral_->owner = this;
  deferral_->idle.data = deferral_;
  uv_async_init(loop_, &mailbox_->wake, [](uv_async_t* wake) { static_cast<Mailbox*>(wake->data)->run(); });
  mailbox_->wake.data = mailbox_;
  uv_unref(reinterpret_cast<uv_handle_t*>(&mailbox_->wake));
}

Loop::~Loop() {
  // Jobs that still run may defer tasks when they end, and what tasks retire may retire more; so the idle handle goes
  // last. A loop that was told to stop returns early once.
  bool alive = true;
  while (alive) {
    while (has_deferred()) run_deferred();
    if (has_live_handles(loop_)) die_of_live_handles(loop_);
    alive = uv_run(loop_, UV_RUN_DEFAULT) != 0 || has_deferred();
  }
  uv_close(reinterpret_cast<uv_handle_t*>(&deferral_->idle),
           [](uv_handle_t* handle) { delete static_cast<Deferral*>(handle->data); });
  uv_close(reinterpret_cast<uv_handle_t*>(&mailbox_->wake),
           [](uv_handle_t* handle) { delete static_cast<Mailbox*>(handle->data); });
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

void Loop::before_asking(std::function<void()> task) {
  before_asking_.push_back(std::move(task));
  wake_deferral();
}

void Loop::post(std::function<void()> task) {
  {
    const std::lock_guard lock(mailbox_->mutex);
    mailbox_->posted.push_back(std::move(task));
  }
  uv_async_send(&mailbox_->wake);
}

bool Loop::in_own_thread() const { return t_visited == this; }

void Loop::changed() {
  if (sharing_ && t_visited != this) sharing_->changed = true;
}

bool Loop::begin_visit() {
  if (!sharing_ || t_visited == this) return false;
  if (sharing_->visitor.load() != std::this_thread::get_id()) {
    sharing_->turns.begin_visit();
    sharing_->visitor = std::this_thread::get_id();
    uv_update_time(loop_);
  }
  ++sharing_->visits;
  return true;
}

void Loop::end_visit() {
  if (--sharing_->visits > 0) return;
  const bool changed = std::exchange(sharing_->changed, false);
  sharing_->visitor = std::thread::id();
  sharing_->turns.end();
  if (changed) uv_async_send(&mailbox_->wake);
}

void Loop::stay() {
  sharing_ = std::make_unique<Sharing>();
  uv_ref(reinterpret_cast<uv_handle_t*>(&mailbox_->wake));
}

void Loop::run_visited() {
  t_visited = this;
  sharing_->turns.begin_own();
  run();
  leave();
  sharing_->turns.end();
  t_visited = nullptr;
}

void Loop::leave() { uv_unref(reinterpret_cast<uv_handle_t*>(&mailbox_->wake)); }

void Loop::waits() {
  t_has_waited = true;
  if (t_visited != nullptr) t_visited->sharing_->turns.end();
}

// libuv drops what has come of a descriptor whose watch is ended (uv__platform_invalidate_fd: -1 stands for that), but looks only
// through what it has been given already.
void Loop::has_waited(epoll_event* events, int count) {
  if (t_visited == nullptr) return;
  Sharing& sharing = *t_visited->sharing_;
  sharing.turns.begin_own();
  for (epoll_event* event = events; event < events + count; ++event)
    for (const int descriptor : sharing.forgotten)
      if (event->data.fd == descriptor) event->data.fd = -1;
  sharing.forgotten.clear();
}

void Loop::forget(int descriptor) {
  if (sharing_ && t_visited != this) sharing_->forgotten.push_back(descriptor);
}

bool Loop::tells_when_it_waits() {
  t_has_waited = false;
  auto* reason = reinterpret_cast<uv_handle_t*>(&mailbox_->wake);  // to run at all
  uv_ref(reason);
  uv_run(loop_, UV_RUN_NOWAIT);
  uv_unref(reason);
  return t_has_waited;
}

void Loop::wake_deferral() {
  changed();
  uv_idle_start(&deferral_->idle,
                [](uv_idle_t* idle) { static_cast<Deferral*>(idle->data)->owner->run_deferred(); });
}

void Loop::run_deferred() {
  std::vector<std::function<void()>> tasks;
  const auto run_all = [&tasks](std::vector<std::function<void()>>& queue) {
    tasks.clear();
    tasks.swap(queue);
    for (auto& task : tasks) task();
  };
  run_all(tasks_);
  while (!follow_ups_.empty() || !before_asking_.empty()) run_all(follow_ups_.empty() ? before_asking_ : follow_ups_);
  if (tasks_.empty()) uv_idle_stop(&deferral_->idle);
}

}  // namespace tunneld::loop
