#include "loop/loop_thread.h"

#include <pthread.h>
#include <signal.h>
#include <uv.h>

#include <system_error>
#include <utility>

namespace tunneld::loop {

std::unique_ptr<LoopThread> LoopThread::make(const char* name, std::function<void()> prepare) {
  std::unique_ptr<Loop> loop = Loop::make();
  if (!loop || !loop->tells_when_it_waits()) return nullptr;
  loop->stay();
  std::unique_ptr<LoopThread> made(new LoopThread(std::move(loop)));
  // Signals are the main thread's.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    made->thread_ = std::thread([&loop = *made->loop_, prepare = std::move(prepare)] {
      prepare();
      loop.run_visited();
    });
    pthread_setname_np(made->thread_.native_handle(), name);
  } catch (const std::system_error&) {
    made->loop_->leave();
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return made->thread_.joinable() ? std::move(made) : nullptr;
}

LoopThread::~LoopThread() {
  if (!thread_.joinable()) return;
  loop_->post([this] { loop_->stop(); });
  thread_.join();
}

}  // namespace tunneld::loop
