#include "ssh/hop_graphs.h"

#include <thread>
#include <utility>

#include "loop/loop_thread.h"
#include "loop/visit.h"
#include "ssh/library.h"

namespace tunneld::ssh {
namespace {

// Every hop costs encryption at both ends. With no processor to spare what an interactive stream gains by a thread the bulk
// stream beside it loses: over three hops, on two processors, a third of its speed.
bool worth_a_thread(std::size_t hops) {
  static const std::size_t processors = std::thread::hardware_concurrency();
  return processors > hops;
}

}  // namespace

class HopGraphs::Further {
 public:
  Further(std::unique_ptr<HostKeyStore> keys, std::unique_ptr<loop::LoopThread> thread, const HopGraph::Log& log)
      : keys_(std::move(keys)), thread_(std::move(thread)) {
    const loop::Visit visit(thread_->loop());
    graph_.emplace(thread_->loop(), *keys_, log);
  }

  HopGraph& graph() { return *graph_; }
  void probe_all() {
    const loop::Visit visit(thread_->loop());
    graph_->probe_all();
  }
  void close() {
    const loop::Visit visit(thread_->loop());
    graph_.reset();
  }

 private:
  const std::unique_ptr<HostKeyStore> keys_;
  const std::unique_ptr<loop::LoopThread> thread_;
  std::optional<HopGraph> graph_;
};

HopGraphs::HopGraphs(loop::Loop& main, HostKeyStore& keys, MakeKeys make_keys, const HopGraph::Log& log)
    : make_keys_(std::move(make_keys)), log_(log) {
  graph_.emplace(main, keys, log_);
}

HopGraphs::~HopGraphs() { close(); }

HopGraph& HopGraphs::at(unsigned number, std::size_t hops) {
  if (number == 0 || !worth_a_thread(hops)) return *graph_;
  std::unique_ptr<Further>& further = further_[(number - 1) % kThreads];
  if (!further) {
    std::unique_ptr<loop::LoopThread> thread = loop::LoopThread::make("lanes", prepare_thread);
    if (!thread) return *graph_;
    further = std::make_unique<Further>(make_keys_(), std::move(thread), log_);
  }
  return further->graph();
}

void HopGraphs::probe_all() {
  graph_->probe_all();
  for (const auto& further : further_)
    if (further) further->probe_all();
}

void HopGraphs::close() {
  graph_.reset();
  for (const auto& further : further_)
    if (further) further->close();
}

}  // namespace tunneld::ssh
