#include "loop/worker.h"

#include <uv.h>

#include <memory>
#include <utility>

namespace tunneld::loop {
namespace {

struct Job {
  uv_work_t request;
  std::function<void()> work;
  std::function<void()> done;
};

}  // namespace

void run_off_loop(Loop& loop, std::function<void()> work, std::function<void()> done) {
  auto* job = new Job{{}, std::move(work), std::move(done)};
  job->request.data = job;
  uv_queue_work(
      loop.raw(), &job->request, [](uv_work_t* request) { static_cast<Job*>(request->data)->work(); },
      [](uv_work_t* request, int) {
        const std::unique_ptr<Job> ended(static_cast<Job*>(request->data));
        ended->done();
      });
}

}  // namespace tunneld::loop
