#include "ssh/shared_hop.h"

#include <algorithm>
#include <utility>

#include "ssh/errors.h"

namespace tunneld::ssh {
namespace {

constexpr std::size_t kMaxNamed = 3;  // in a line of progress; `status` names all

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kMaxNamed); ++i) text += (i == 0 ? "" : ", ") + names[i];
  return names.size() <= kMaxNamed ? text
                                   : text + " and " + std::to_string(names.size() - kMaxNamed) + " more";
}

HopSetting setting_of(const HopLikeness& likeness, const SharedHop* before) {
  return {likeness.home, before != nullptr ? before->hop().path_behind() : std::vector<std::string>{}};
}

}  // namespace

SharedHop::SharedHop(loop::Loop& loop, HopLikeness likeness, SharedHop* before, HostKeyStore& keys, Note note)
    : loop_(loop),
      likeness_(std::move(likeness)),
      before_(before),
      note_(std::move(note)),
      hop_(loop, likeness_.host, setting_of(likeness_, before), keys, static_cast<HopObserver&>(*this)),
      self_(std::make_shared<SharedHop*>(this)) {
  if (before_ != nullptr) ++before_->hops_behind_;
}

SharedHop::~SharedHop() {
  *self_ = nullptr;
}

bool SharedHop::joinable() const {
  if (detached_ || silent_) return false;
  switch (hop_.state()) {
    case HopState::idle:
    case HopState::resolving:
    case HopState::connecting:
    case HopState::handshaking:
    case HopState::verifying_host_key:
    case HopState::authenticating:
    case HopState::needs_input:
    case HopState::ready:
      return true;
    case HopState::closing:
    case HopState::lost:
      return false;
  }
  return false;
}

void SharedHop::join(HopUser& user) {
  users_.push_back(&user);
  if (hop_.state() == HopState::idle) return hop_.start(before_ != nullptr ? &before_->hop_ : nullptr);
  if (hop_.state() == HopState::ready) return welcome_later(user);
  for (const HopProgress& step : std::vector<HopProgress>(steps_.all())) user.hop_progress(hop_, step);
}

void SharedHop::welcome_later(HopUser& user) {
  user.hop_progress(hop_, sharing(user));
  loop_.defer([self = self_, joined = &user] {
    SharedHop* shared = *self;
    if (shared != nullptr && shared->has(joined) && shared->hop_.state() == HopState::ready)
      joined->hop_ready(shared->hop_);
  });
}

HopProgress SharedHop::sharing(const HopUser& user) const {
  const Host& host = hop_.host();
  const std::string server = host.port == 22 ? host.hostname : host_and_port(host.hostname, host.port);
  std::vector<std::string> others = user_names();
  std::erase(others, user.user_name());
  if (!others.empty())
    return {HopProgress::State::ok, kSharingStep, "Sharing the session to " + server,
            "with " + joined(others), 0};
  const std::string again = "Using the session to " + server + " again";
  if (users_.size() > 1) return {HopProgress::State::ok, kSharingStep, again, "it still stands", 0};
  const std::uint64_t unused_s = (loop_.precise_now_ms() - left_at_ms_) / 1000;
  return {HopProgress::State::ok, kSharingStep, again, "unused for " + std::to_string(unused_s) + " s", 0};
}

void SharedHop::leave(HopUser& user) {
  std::erase(users_, &user);
  left_at_ms_ = loop_.precise_now_ms();
  ask_others(user);
}

void SharedHop::ask_others(const HopUser& user) {
  if (asked_ != &user) return;
  asked_ = nullptr;
  if (!users_.empty()) hop_.ask_again();
}

void SharedHop::close() {
  hop_.stop();
  if (before_ != nullptr) --before_->hops_behind_;
}

bool SharedHop::used_by_none_but(const HopUser& user) const {
  return hops_behind_ == 0 && users_.size() == 1 && users_.front() == &user;
}

std::vector<std::string> SharedHop::user_names() const {
  std::vector<std::string> names;
  for (const HopUser* user : users_) names.push_back(user->user_name());
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

bool SharedHop::has(const HopUser* user) const {
  return std::find(users_.begin(), users_.end(), user) != users_.end();
}

// What they hear makes users come and go.
void SharedHop::tell(const std::function<void(HopUser&)>& news) {
  for (HopUser* user : std::vector<HopUser*>(users_))
    if (has(user)) news(*user);
}

void SharedHop::hop_progress(Hop& hop, const HopProgress& progress) {
  steps_.note(progress);
  tell([&](HopUser& user) { user.hop_progress(hop, progress); });
}

void SharedHop::hop_state_changed(Hop& hop, HopState from, const char* reason) {
  if (users_.empty())
    note_(*this,
          std::string(to_string(from)) + " -> " + std::string(to_string(hop.state())) + " (" + reason + ")");
  tell([&](HopUser& user) { user.hop_state_changed(hop, from, reason); });
}

bool SharedHop::hop_asks(Hop& hop, const std::string& text, const HostKey& key) {
  for (HopUser* user : std::vector<HopUser*>(users_)) {
    if (!has(user) || !user->hop_asks(hop, text, key)) continue;
    asked_ = user;
    return true;
  }
  return false;
}

void SharedHop::hop_ready(Hop& hop) {
  tell([&](HopUser& user) { user.hop_ready(hop); });
}

void SharedHop::hop_failed(Hop& hop) {
  if (users_.empty()) note_(*this, hop.error().message);
  tell([&](HopUser& user) { user.hop_failed(hop); });
}

void SharedHop::hop_silent(Hop& hop) {
  silent_ = true;
  // With no chain to judge which hop is the guilty one: what is behind this one is as useless, what is before
  // it is watched by itself.
  if (users_.empty())
    hop.give_up(silence_error(hop.host(), static_cast<long long>(hop.liveness()->silent_ms())));
  tell([&](HopUser& user) { user.hop_silent(hop); });
}

}  // namespace tunneld::ssh
