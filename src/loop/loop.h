// The event loop, and the ways to run something later on it. One loop, one thread; others visit it (loop/visit.h).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

struct epoll_event;
struct uv_loop_s;

namespace tunneld::loop {

class Loop {
 public:
  Loop();
  // Null when the system has no descriptors left for it.
  static std::unique_ptr<Loop> make();
  // Everything that used the loop must be gone: closing it with a live handle is a bug, and ends the process.
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Runs until no handle is left (drain) or stop() is called.
  void run();
  void stop();

  // Monotonic milliseconds, as of the start of this turn of the loop.
  std::uint64_t now_ms() const;
  // Monotonic milliseconds at this very moment, for measuring work within one turn.
  std::uint64_t precise_now_ms() const;
  std::uint64_t precise_now_us() const;

  // Runs `task` in the loop's thread after the callback that is running now, before the loop waits again.
  void defer(std::function<void()> task);
  // As defer(), but when it is called by such a task, still before the loop asks the system again: for what
  // follows from news step by step, such as bytes that pass through the sessions of a chain. It must not feed
  // itself for ever.
  void follow_up(std::function<void()> task);
  // When nothing is left to follow up, before the loop asks the system again: for what is due soon, but after all that
  // somebody may be waiting for.
  void before_asking(std::function<void()> task);

  // Nothing dies in its own callback: what must go is handed over here.
  template <typename T>
  void retire(std::unique_ptr<T> object) {
    std::shared_ptr<T> shared = std::move(object);
    defer([shared]() mutable { shared.reset(); });
  }

  // From any thread: runs `task` in the loop's, after those that were posted before. One that has come to its end drops it.
  void post(std::function<void()> task);

  // For what belongs to the loop: it has asked it for something, which a loop that waits must hear of.
  void changed();
  // The same: this descriptor is not watched any more. What the system has said of it meanwhile is not for the next watch of
  // its number.
  void forget(int descriptor);

  // Whether this is the thread of a loop that others visit, and not a visitor.
  bool in_own_thread() const;

  // For Visit: false when the caller may use the loop anyway.
  bool begin_visit();
  void end_visit();
  // For LoopThread: run() for a loop that others visit; between stay() and leave() it does not end for want of handles.
  void stay();
  void run_visited();
  void leave();
  bool tells_when_it_waits();
  // In the thread of a loop that others visit: it waits for the system, and no longer.
  static void waits();
  static void has_waited(epoll_event* events, int count);

  uv_loop_s* raw() { return loop_; }

 private:
  struct Deferral;
  struct Mailbox;
  struct Sharing;
  explicit Loop(uv_loop_s* made);
  void wake_deferral();
  bool has_deferred() const { return !tasks_.empty() || !follow_ups_.empty() || !before_asking_.empty(); }
  void run_deferred();

  uv_loop_s* loop_;
  Deferral* deferral_;
  std::vector<std::function<void()>> tasks_;
  std::vector<std::function<void()>> follow_ups_;
  std::vector<std::function<void()>> before_asking_;
  Mailbox* mailbox_;
  std::unique_ptr<Sharing> sharing_;  // of a loop that others visit
};

}  // namespace tunneld::loop
