#include "ssh/channel.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include "ssh/session.h"

namespace tunneld::ssh {
namespace {

// What all channels together, in whichever thread, may spend on windows above kFarWindow. Not on less: an idle channel holds what
// it was granted, and some hundreds of them would leave nothing to the one that needs it.
std::uint32_t g_spare_window = 256U * 1024 * 1024;
std::mutex g_spare_window_mutex;

// libssh opens a window when what is left of it and what it holds are less together: 640,000 bytes, from 0.11 on 1 MiB or
// less (channels.c: WINDOWLIMIT, grow_window).
constexpr std::uint32_t kKeptOfNoUse = 1024 * 1024 + 1;

}  // namespace

Channel::Channel(Session& session, ssh_channel channel, const Endpoint& target, std::string origin_host,
                 std::uint16_t origin_port, ChannelUser& user)
    : session_(session),
      channel_(channel),
      target_(target),
      origin_host_(std::move(origin_host)),
      origin_port_(origin_port),
      user_(&user),
      metered_(user.is_one_client()) {
  ssh_callbacks_init(&callbacks_);
  callbacks_.userdata = this;
  callbacks_.channel_data_function = on_data;
  callbacks_.channel_eof_function = on_eof;
  callbacks_.channel_close_function = on_close;
  ssh_set_channel_callbacks(channel_, &callbacks_);
}

Channel::~Channel() {
  const std::lock_guard lock(g_spare_window_mutex);
  g_spare_window += granted_ - kFarWindow;
}

int Channel::request_open() {
  if (target_.kind == Endpoint::Kind::unix_socket)
    return ssh_channel_open_forward_unix(channel_, target_.path.c_str(), origin_host_.c_str(), origin_port_);
  return ssh_channel_open_forward(channel_, target_.host.c_str(), target_.port, origin_host_.c_str(), origin_port_);
}

int Channel::on_data(ssh_session, ssh_channel, void* data, std::uint32_t size, int is_stderr, void* self) {
  auto& channel = *static_cast<Channel*>(self);
  // What was under way to a user that has left is dropped, but for the last: once our CLOSE is sent libssh must not open
  // the window again. (Dropbear ends the session over it.)
  if (channel.user_ == nullptr) return static_cast<int>(size - std::min(size, kKeptOfNoUse));
  if (is_stderr != 0) return static_cast<int>(size);  // a forwarded connection has none
  if (channel.draining_) return 0;
  const std::size_t taken = channel.user_->channel_data(static_cast<const char*>(data), size);
  channel.keeps_up_ = taken == size;
  channel.took(taken);
  const std::uint64_t now_ms = channel.session_.loop_.now_ms();
  channel.meter_.add_down(taken, now_ms);
  channel.note_if_bulk(now_ms);
  return static_cast<int>(taken);
}

void Channel::note_if_bulk(std::uint64_t now_ms) {
  if (metered_ && meter_.bulk(now_ms)) session_.note_bulk_until(now_ms + 2 * kBulkSpanMs);
}

void Channel::on_eof(ssh_session, ssh_channel, void* self) {
  auto& channel = *static_cast<Channel*>(self);
  channel.remote_eof_ = true;
  channel.flag();
}

void Channel::on_close(ssh_session, ssh_channel, void* self) {
  auto& channel = *static_cast<Channel*>(self);
  channel.remote_closed_ = true;
  channel.flag();
}

void Channel::took(std::size_t taken) {
  taken_ += taken;
  if (taken_ < kTopUpBytes || std::exchange(tuning_, true)) return;
  session_.tuning_.push_back(this);
}

void Channel::tune_window(std::uint64_t now_us) {
  tuning_ = false;
  const std::uint64_t taken = std::exchange(taken_, 0);
  if (phase_ != Phase::open || remote_eof_ || remote_closed_ || fixed_window()) return;
  const std::uint64_t rtt_us = session_.shortest_rtt_us_;
  {
    const std::lock_guard lock(g_spare_window_mutex);
    g_spare_window += granted_;
    if (keeps_up_) granted_ -= static_cast<std::uint32_t>(std::min<std::uint64_t>(taken, granted_ - kFarWindow));
    tuner_.step({now_us, taken, rtt_us, g_spare_window - std::max(window(), kFarWindow)});
    granted_ = std::max(granted_, window());
    g_spare_window -= granted_;
  }
  // On a short link libssh's own way, which opens a window when it is half closed, does as well.
  if (rtt_us >= kShortRttUs && keeps_up_) open_window();
}

// libssh 0.10 has no call for it. A read of more than the window holds raises the window; it is made from stderr, which
// is empty, since on_data() drops what comes there, and so it reads nothing.
void Channel::open_window() {
  char nothing = 0;
  if (ssh_channel_poll(channel_, 1) == 0) ssh_channel_read_timeout(channel_, &nothing, window(), 1, 0);
}

void Channel::flag() {
  if (std::exchange(flagged_, true)) return;
  session_.flagged_.push_back(this);
}

std::size_t Channel::writable_bytes() const {
  if (phase_ != Phase::open || remote_closed_) return 0;
  return std::min<std::size_t>(ssh_channel_window_size(channel_), session_.send_room());
}

std::size_t Channel::write(const char* data, std::size_t size) {
  const std::size_t wanted = std::min(size, writable_bytes());
  if (wanted == 0) return 0;
  const int taken = ssh_channel_write(channel_, data, static_cast<std::uint32_t>(wanted));
  if (taken <= 0) return 0;
  session_.ledger_.given(static_cast<std::uint64_t>(taken));
  const std::uint64_t now_ms = session_.loop_.now_ms();
  meter_.add_up(static_cast<std::uint64_t>(taken), now_ms);
  note_if_bulk(now_ms);
  return static_cast<std::size_t>(taken);
}

void Channel::wait_writable() {
  if (std::exchange(waiting_, true)) return;
  session_.writers_.push_back(this);
}

void Channel::send_eof() {
  if (phase_ == Phase::open && !remote_closed_) ssh_channel_send_eof(channel_);
}

std::size_t Channel::held_back() const {
  if (phase_ != Phase::open) return 0;
  const int bytes = ssh_channel_poll(channel_, 0);
  return bytes > 0 ? static_cast<std::size_t>(bytes) : 0;
}

void Channel::read_all(std::string& out) {
  draining_ = true;
  if (const std::size_t bytes = held_back(); bytes > 0) {
    const std::size_t before = out.size();
    out.resize(before + bytes);
    const int got = ssh_channel_read_timeout(channel_, out.data() + before, static_cast<std::uint32_t>(bytes), 0, 0);
    out.resize(before + (got > 0 ? static_cast<std::size_t>(got) : 0));
    took(out.size() - before);
    keeps_up_ = false;  // it has all of that before it still
  }
  draining_ = false;
}

void Channel::release() {
  user_ = nullptr;
  if (!std::exchange(released_, true)) ++session_.released_count_;
  const std::uint64_t now_ms = session_.loop_.now_ms();
  const auto streams = [now_ms](const auto& each) { return !each->released_ && each->metered_ && each->meter_.bulk(now_ms); };
  // Another stream inside a session that this one carries says so again with its next packets.
  if (metered_ && meter_.bulk(now_ms) && std::ranges::none_of(session_.channels_, streams)) session_.note_bulk_until(0);
  if (phase_ == Phase::open) phase_ = Phase::closing;
  // One that is still opening cannot be taken back: freeing it would leave the server's channel and its connection for
  // as long as the session lives. settle_openings() closes it when the answer has come.
  if (phase_ == Phase::closing) flag();
}

void Channel::send_close() {
  // Each call gets one message further (EOF, then CLOSE); with output pending it says AGAIN but has queued the message.
  constexpr int kCallsToClose = 3;
  int rc = SSH_AGAIN;
  for (int call = 0; call < kCallsToClose && rc == SSH_AGAIN; ++call) rc = ssh_channel_close(channel_);
}

void Channel::forget() {
  ssh_remove_channel_callbacks(channel_, &callbacks_);
  ssh_channel_free(channel_);
  channel_ = nullptr;
}

}  // namespace tunneld::ssh
