#include "ssh/liveness.h"

#include <algorithm>
#include <utility>

namespace tunneld::ssh {
namespace {

constexpr std::uint64_t kProbeMs = 10'000;
// A look that comes this much too late: this process was stopped, or starved, and what has come meanwhile is not read yet.
constexpr std::uint64_t kLateMs = 500;

}  // namespace

Liveness::Liveness(loop::Loop& loop, Session& session, const Host& host, std::function<void()> silent)
    : loop_(loop), session_(session), silent_(std::move(silent)), timer_(loop, [this] { check(); }) {
  if (!host.server_alive_interval) return;
  const auto interval = static_cast<std::uint64_t>(std::max<long long>(host.server_alive_interval->count(), 1));
  const auto count = static_cast<std::uint64_t>(std::max(host.server_alive_count_max, 1));
  limit_ms_ = interval * count;
  // With a count of 1 the only ping must leave time for its answer.
  period_ms_ = count > 1 ? interval : std::max<std::uint64_t>(interval / 2, 1);
  look_in(period_ms_);
}

void Liveness::look_in(std::uint64_t ms) {
  due_ms_ = loop_.precise_now_ms() + ms;
  timer_.start(ms);
}

std::uint64_t Liveness::silent_ms() const {
  return std::min(session_.silent_ms(), loop_.precise_now_ms() - excused_at_ms_);
}

void Liveness::probe() {
  if (limit_ms_ == 0) return;
  probed_at_ms_ = loop_.precise_now_ms();
  session_.ping();
  look_in(std::min(kProbeMs, limit_ms_ - std::min(silent_ms(), limit_ms_)));
}

void Liveness::check() {
  if (loop_.precise_now_ms() >= due_ms_ + kLateMs) {
    excused_at_ms_ = loop_.precise_now_ms();
    return probe();
  }
  const std::uint64_t silent = silent_ms();
  const bool failed_probe = probed_at_ms_ != 0 && session_.last_heard_ms() < probed_at_ms_ &&
                            loop_.precise_now_ms() >= probed_at_ms_ + kProbeMs;
  if (silent >= limit_ms_ || failed_probe) return silent_();
  probed_at_ms_ = 0;
  if (silent >= period_ms_) session_.ping();
  // From the last sign of life on, so that silence is found out at the limit and not up to a period after it.
  const std::uint64_t next = std::min((silent / period_ms_ + 1) * period_ms_, limit_ms_);
  look_in(std::max<std::uint64_t>(next - silent, 1));
}

}  // namespace tunneld::ssh
