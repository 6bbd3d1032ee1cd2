#include "daemon/credentials_watch.h"

#include <utility>

#include "loop/worker.h"
#include "ssh/credentials.h"

namespace tunneld::daemon {
namespace {

constexpr std::uint64_t kIntervalMs = 1'000;

}  // namespace

CredentialsWatch::CredentialsWatch(loop::Loop& loop, std::function<void()> changed)
    : loop_(loop), changed_(std::move(changed)), self_(std::make_shared<CredentialsWatch*>(this)) {}

CredentialsWatch::~CredentialsWatch() { *self_ = nullptr; }

void CredentialsWatch::refused(std::vector<Host> hops, std::string home) {
  stop();
  hops_ = std::move(hops);
  home_ = std::move(home);
  read();
}

void CredentialsWatch::look() {
  if (!mark_ || reading_ || loop_.precise_now_ms() - read_at_ms_ < kIntervalMs) return;
  read();
}

void CredentialsWatch::stop() {
  ++generation_;
  reading_ = false;
  mark_.reset();
  hops_.clear();
}

void CredentialsWatch::read() {
  reading_ = true;
  read_at_ms_ = loop_.precise_now_ms();
  auto mark = std::make_shared<std::optional<std::uint64_t>>();
  loop::run_off_loop(
      loop_, [mark, hops = hops_, home = home_] { *mark = ssh::credentials_mark(hops, home); },
      [mark, self = self_, generation = generation_] {
        if (*self != nullptr && (*self)->generation_ == generation) (*self)->have_read(*mark);
      });
}

void CredentialsWatch::have_read(std::optional<std::uint64_t> mark) {
  reading_ = false;
  if (!mark_) {
    mark_ = mark.value_or(0);  // whatever an agent says that was silent is new
  } else if (mark && *mark_ != *mark) {
    stop();
    changed_();
  }
}

}  // namespace tunneld::daemon
