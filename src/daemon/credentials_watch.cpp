#include "daemon/credentials_watch.h"

#include <algorithm>
#include <utility>

#include "loop/worker.h"
#include "ssh/credentials.h"

namespace tunneld::daemon {
namespace {

constexpr std::uint64_t kIntervalMs = 1'000;
constexpr std::uint64_t kLongestIntervalMs = 60'000;
// An agent that hangs keeps each reader for seconds, and the pool's few threads are there for all: log-ins and look-ups of names.
constexpr int kReadersAtOnce = 2;
constexpr std::uint64_t kBusyMs = 100;
int g_readers = 0;  // on the loop's thread only

}  // namespace

CredentialsWatch::CredentialsWatch(loop::Loop& loop, std::function<bool()> awaited, std::function<void()> changed)
    : loop_(loop),
      awaited_(std::move(awaited)),
      changed_(std::move(changed)),
      interval_ms_(kIntervalMs),
      self_(std::make_shared<CredentialsWatch*>(this)),
      due_(loop, [this] { read(); }) {}

CredentialsWatch::~CredentialsWatch() { *self_ = nullptr; }

void CredentialsWatch::refused(std::vector<Host> hops, std::string home) {
  stop();
  hops_ = std::move(hops);
  home_ = std::move(home);
  read();
}

void CredentialsWatch::look() {
  if (mark_ && !reading_ && !due_.active()) arm();  // else have_read() finds the client, or the timer does
}

void CredentialsWatch::accepted() { interval_ms_ = kIntervalMs; }

void CredentialsWatch::arm() {
  const std::uint64_t due = read_at_ms_ + interval_ms_;
  const std::uint64_t now = loop_.precise_now_ms();
  due_.start(due > now ? due - now : 0);
}

void CredentialsWatch::stop() {
  ++generation_;
  reading_ = false;
  due_.stop();
  mark_.reset();
  hops_.clear();
}

void CredentialsWatch::read() {
  if (g_readers >= kReadersAtOnce) return due_.start(kBusyMs);
  ++g_readers;
  reading_ = true;
  read_at_ms_ = loop_.precise_now_ms();
  auto mark = std::make_shared<std::optional<std::uint64_t>>();
  loop::run_off_loop(
      loop_, [mark, hops = hops_, home = home_] { *mark = ssh::credentials_mark(hops, home); },
      [mark, self = self_, generation = generation_] {
        --g_readers;
        if (*self != nullptr && (*self)->generation_ == generation) (*self)->have_read(*mark);
      });
}

void CredentialsWatch::have_read(std::optional<std::uint64_t> mark) {
  reading_ = false;
  if (!mark_) {
    mark_ = mark.value_or(0);  // whatever an agent says that was silent is new
  } else if (mark && *mark_ != *mark) {
    interval_ms_ = std::min(interval_ms_ * 2, kLongestIntervalMs);
    stop();
    return changed_();
  }
  if (awaited_()) arm();
}

}  // namespace tunneld::daemon
