#include "ssh/channel_transport.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "ssh/session.h"

namespace tunneld::ssh {
namespace {

// What may wait for the session inside before the channel's window is left to close. It reads everything at
// each turn, so that this much comes only while a worker has it.
constexpr std::size_t kInputLimit = 256 * 1024;

}  // namespace

ChannelTransport::ChannelTransport(loop::Loop& loop, TransportOwner& owner)
    : loop_(loop), owner_(&owner), self_(std::make_shared<ChannelTransport*>(this)) {}

ChannelTransport::~ChannelTransport() {
  *self_ = nullptr;
  leave();
}

bool ChannelTransport::open(Session& outer, const Endpoint& target, const std::string& origin_host,
                            std::uint16_t origin_port) {
  outer_ = &outer;
  const Session::Use use(outer);
  channel_ = outer.open_channel(use, target, origin_host, origin_port, *this);
  return channel_ != nullptr;
}

void ChannelTransport::leave() {
  owner_ = nullptr;
  ended_ = true;
  if (channel_ == nullptr) return;
  const Session::Use use(*outer_);
  if (!lent_) flush();
  std::exchange(channel_, nullptr)->release();
}

void ChannelTransport::channel_opened() {
  opened_ = true;
  if (owner_ != nullptr) owner_->transport_opened();
}

void ChannelTransport::channel_refused(std::uint32_t reason, const std::string& text) {
  channel_ = nullptr;
  ended_ = true;
  if (owner_ != nullptr) std::exchange(owner_, nullptr)->transport_refused(reason, text);
}

std::size_t ChannelTransport::channel_data(const char* data, std::size_t size) {
  if (stalled_) return 0;
  if (session_ready_) outer_->leave_nudge_to_inner();
  tell_ready();
  std::string& input = lent_ ? arrived_ : input_;
  const std::size_t unread = input.size() - (lent_ ? 0 : read_);
  stalled_ = unread + size > kInputLimit;
  if (stalled_) return 0;
  if (!lent_ && read_ >= unread) forget_read();
  input.append(data, size);
  return size;
}

void ChannelTransport::channel_news() {
  if (channel_->remote_eof() || channel_->remote_closed()) end();
}

void ChannelTransport::channel_lost() {
  channel_ = nullptr;
  stalled_ = false;
  end();
}

void ChannelTransport::end() {
  if (std::exchange(ended_, true)) return;
  tell_ready();
  // The session reads what has come, and then the end: it knows what the server has said. A worker that has it may wait
  // for a person.
  if (owner_ != nullptr && (!ready_ || lent_)) owner_->transport_over();
}

void ChannelTransport::channel_writable() {
  if (lent_) return;  // take_back() asks again
  flush();
  if (channel_ == nullptr) return;
  if (!pending_.empty()) return channel_->wait_writable();
  tell_ready();
}

void ChannelTransport::start(std::function<void()> ready) {
  ready_ = std::move(ready);
  tell_ready();
}

// Never from here itself: whoever brings the news is in the middle of a call of the session before.
void ChannelTransport::tell_ready() {
  if (lent_ || !ready_ || std::exchange(telling_, true)) return;
  loop_.follow_up([self = self_] {
    ChannelTransport* transport = *self;
    if (transport == nullptr) return;
    transport->telling_ = false;
    if (!transport->lent_) transport->ready_();
  });
}

void ChannelTransport::fill() {
  if (read_ < input_.size()) return;
  forget_read();
  if (!stalled_ || channel_ == nullptr) return;
  const Session::Use use(*outer_);
  stalled_ = false;
  channel_->read_all(input_);
}

void ChannelTransport::forget_read() {
  input_.erase(0, read_);
  read_ = 0;
  if (input_.empty() && input_.capacity() > kInputLimit) std::string().swap(input_);
}

void ChannelTransport::watch_writable(bool on) {
  if (on && channel_ != nullptr) channel_->wait_writable();
}

void ChannelTransport::lend() {
  lent_ = true;
}

void ChannelTransport::take_back() {
  lent_ = false;
  input_ += std::exchange(arrived_, {});
  if (channel_ != nullptr) {
    const Session::Use use(*outer_);
    flush();
    if (!pending_.empty()) channel_->wait_writable();
  }
  if (readable()) tell_ready();
}

void ChannelTransport::note_bulk_until(std::uint64_t at_ms) {
  if (channel_ != nullptr) outer_->note_bulk_until(at_ms);
}

bool ChannelTransport::writable() const {
  // Once the channel is gone sending fails, which libssh has to find out; once the server has closed it, that there is an end to
  // be read: before its own first byte libssh only waits until it can send.
  if (lent_ || channel_ == nullptr || channel_->remote_closed()) return true;
  return opened_ && pending_.empty() && channel_->writable_bytes() > 0;
}

ssize_t ChannelTransport::receive(char* to, std::size_t size) {
  const std::size_t bytes = std::min(size, input_.size() - read_);
  if (bytes == 0 && size > 0) {
    errno = EAGAIN;
    return at_end() ? 0 : -1;
  }
  std::memcpy(to, input_.data() + read_, bytes);
  read_ += bytes;
  return static_cast<ssize_t>(bytes);
}

// libssh is in the middle of a call for the session inside, which does not concern the session before: that
// one may be written to, but what follows from it waits for the loop.
ssize_t ChannelTransport::send(const char* from, std::size_t size) {
  if (!lent_ && channel_ == nullptr) {
    errno = EPIPE;
    return -1;
  }
  if (!lent_ && pending_.empty()) {
    const std::size_t taken = channel_->write(from, size);
    outer_->settle_soon();
    if (taken > 0) return static_cast<ssize_t>(taken);
  }
  // A worker must not touch the session before; and a key exchange there may begin between poll() and here.
  // libssh would take "try again" for a broken connection. It sends once a poll, so this does not grow.
  pending_.append(from, size);
  if (!lent_) channel_->wait_writable();
  return static_cast<ssize_t>(size);
}

void ChannelTransport::flush() {
  if (pending_.empty() || channel_ == nullptr) return;
  pending_.erase(0, channel_->write(pending_.data(), pending_.size()));
}

}  // namespace tunneld::ssh
