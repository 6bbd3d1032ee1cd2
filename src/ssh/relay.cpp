#include "ssh/relay.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>

#include "ssh/session.h"

namespace tunneld::ssh {
namespace {

// One read from the local side, and so the most that can be left over when a key exchange begins in between. Two of the
// largest packets that libssh makes (32,758 bytes: what OpenSSH's servers take, less 10), each short enough that its
// ciphertext still fits into one packet of the session before, and so on for four hops. One a wake-up: what is read is
// encrypted and sent while it is in the processor's cache, and the next client has its turn.
constexpr std::size_t kReadBytes = 2 * 32'600;
// What waits for a slow local side before the channel's window is left to close.
constexpr std::size_t kDownloadQueueLimit = 256 * 1024;

// What is read in one turn of the thread that reads. By a pointer: what is thread-local itself is cleared, and so takes up
// memory, for each thread, of which most never read.
char* scratch() {
  thread_local const std::unique_ptr<char[]> bytes(new char[kReadBytes]);
  return bytes.get();
}

thread_local std::string t_spare_queue;  // the last download queue that ran empty, for whoever needs one next

}  // namespace

Relay::Relay(loop::Loop& loop, loop::Loop& home, UniqueFd local, RelayOwner& owner)
    : visit_(loop),
      loop_(loop),
      home_(home),
      owner_(owner),
      local_(std::move(local)),
      poller_(loop, local_.get(), [this](unsigned events) { on_local(events); }),
      self_(std::make_shared<Relay*>(this)) {
  poller_.watch(loop::Poller::kError);
  visit_.reset();
}

Relay::~Relay() {
  visit_.emplace(loop_);
  *self_ = nullptr;
  abort(false);
}

bool Relay::unanswered() const {
  const loop::Visit visit(loop_);
  return !opened_ && bytes_down_ == 0 && !state_.over;
}

bool Relay::needs_no_session() const {
  const loop::Visit visit(loop_);
  return !state_.over && state_.remote_closed && channel_ == nullptr;
}

std::uint64_t Relay::bytes_up() const {
  const loop::Visit visit(loop_);
  return bytes_up_;
}

std::uint64_t Relay::bytes_down() const {
  const loop::Visit visit(loop_);
  return bytes_down_;
}

void Relay::tell(std::function<void(RelayOwner&)> news) {
  if (!loop_.in_own_thread()) return news(owner_);
  home_.post([self = self_, news = std::move(news)] {
    if (*self != nullptr && (*self)->owner_listens_) news((*self)->owner_);
  });
}

bool Relay::open(Session& session, const Endpoint& target, const std::string& origin_host, std::uint16_t origin_port) {
  const loop::Visit visit(loop_);
  session_ = &session;
  const Session::Use use(session);
  channel_ = session.open_channel(use, target, origin_host, origin_port, *this);
  return channel_ != nullptr;
}

void Relay::abort(bool reset) {
  const loop::Visit visit(loop_);
  owner_listens_ = false;
  if (given_back_) close_local(reset);
  if (state_.over) return;
  state_.over = true;
  if (channel_ != nullptr) {
    const Session::Use use(*session_);
    std::exchange(channel_, nullptr)->release();
  }
  close_local(reset);
}

UniqueFd Relay::take_back() {
  const loop::Visit visit(loop_);
  if (!given_back_ && !unanswered()) return {};
  owner_listens_ = false;
  give_back();
  return std::move(local_);
}

// Nobody watches the descriptor any more: the owner may have it.
void Relay::give_back() {
  if (std::exchange(given_back_, true)) return;
  state_.over = true;
  if (channel_ != nullptr) {
    const Session::Use use(*session_);
    std::exchange(channel_, nullptr)->release();
  }
  poller_.close();
}

void Relay::channel_opened() {
  opened_ = true;
  if (local_failed_) channel_->ask_for_news();  // found out while the channel was being opened
  update_mask();
}

void Relay::channel_refused(std::uint32_t reason, const std::string& text) {
  channel_ = nullptr;
  state_.over = true;
  close_local(true);
  tell([reason, text](RelayOwner& owner) { owner.relay_refused(reason, text); });
}

std::size_t Relay::channel_data(const char* data, std::size_t size) {
  if (download_stalled_) return 0;
  if (local_failed_) return size;
  std::size_t sent = 0;
  // With more to come in this turn, the pieces are gathered: one large send costs less than many small ones.
  if (download_queue_.empty() && !session_->more_to_read()) {
    sent = send_local(data, size);
    if (sent == size || local_failed_) return size;
    block_download();
  }
  if (!download_blocked_) channel_->ask_for_news();
  download_stalled_ = download_queue_.size() - download_sent_ + size - sent > kDownloadQueueLimit;
  if (download_stalled_) return sent;
  if (download_queue_.empty() && download_queue_.capacity() < t_spare_queue.capacity())
    download_queue_.swap(t_spare_queue);
  // A client that never catches up, and never falls further behind either, would have it keep all that was sent.
  if (download_sent_ > kDownloadQueueLimit) {
    download_queue_.erase(0, download_sent_);
    download_sent_ = 0;
  }
  download_queue_.append(data + sent, size - sent);
  return size;
}

void Relay::block_download() {
  download_blocked_ = true;
  update_mask();
}

// A callback of libssh may be on the stack: a failure is noted, and acted upon later.
std::size_t Relay::send_local(const char* data, std::size_t size) {
  const ssize_t sent = ::send(local_.get(), data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent >= 0) {
    bytes_down_ += static_cast<std::uint64_t>(sent);
    return static_cast<std::size_t>(sent);
  }
  if (errno != EAGAIN && errno != EINTR) {
    local_failed_ = true;
    if (channel_ != nullptr) channel_->ask_for_news();
  }
  return 0;
}

void Relay::channel_news() {
  if (local_failed_) return event(RelayEvent::local_reset);
  if (!download_blocked_) write_local();
  if (state_.over || channel_ == nullptr) return;
  if (channel_->remote_eof()) event(RelayEvent::remote_eof);
  if (!state_.over && channel_->remote_closed()) event(RelayEvent::remote_close);
}

void Relay::channel_lost() {
  channel_ = nullptr;
  // A session may end with the very packets that open the channel and bring the first data: then the client has been served.
  if (!opened_ && bytes_down_ == 0) {
    give_back();
    return tell([this](RelayOwner& owner) { owner.relay_unserved(take_back()); });
  }
  // The server had sent everything and closed: nothing is lost as long as we have it.
  if (!state_.remote_closed || download_stalled_) return event(RelayEvent::session_lost);
  if (!download_blocked_) write_local();
}

void Relay::channel_writable() {
  upload_blocked_ = false;
  if (!upload_rest_.empty()) {
    upload_rest_.erase(0, channel_->write(upload_rest_.data(), upload_rest_.size()));
    if (!upload_rest_.empty()) return wait_for_channel();
    upload_rest_.shrink_to_fit();
  }
  event(RelayEvent::upload_flushed);
  if (!state_.over) update_mask();
}

void Relay::on_local(unsigned events) {
  if (state_.over) return;
  if (channel_ == nullptr) return on_local_without_channel(events);
  const Session::Use use(*session_);
  if ((events & loop::Poller::kWritable) != 0) write_local();
  if (!state_.over && (events & loop::Poller::kReadable) != 0) read_local();
  if (!state_.over && (events & loop::Poller::kError) != 0) on_local_error();
  if (!state_.over) update_mask();
}

// The channel was closed after everything had come: what is queued still goes out.
void Relay::on_local_without_channel(unsigned events) {
  if ((events & loop::Poller::kWritable) != 0) write_local();
  if (!state_.over && (events & loop::Poller::kError) != 0) on_local_error();
  if (!state_.over) update_mask();
}

void Relay::read_local() {
  const std::size_t room = std::min(channel_->writable_bytes(), kReadBytes);
  if (room == 0) return wait_for_channel();
  char* const bytes_read = scratch();
  const ssize_t got = ::recv(local_.get(), bytes_read, room, MSG_DONTWAIT);
  if (got == 0) return event(RelayEvent::local_eof);
  if (got < 0) {
    if (errno != EAGAIN && errno != EINTR) event(RelayEvent::local_reset);
    return;
  }
  const auto bytes = static_cast<std::size_t>(got);
  bytes_up_ += bytes;
  const std::size_t taken = channel_->write(bytes_read, bytes);
  if (taken == bytes) return;
  upload_rest_.assign(bytes_read + taken, bytes - taken);
  wait_for_channel();
}

void Relay::wait_for_channel() {
  upload_blocked_ = true;
  channel_->wait_writable();
}

void Relay::write_local() {
  download_blocked_ = false;
  if (!flush_download()) return;
  if (std::exchange(download_stalled_, false) && channel_ != nullptr) {
    channel_->read_all(download_queue_);
    if (!flush_download()) return;
  }
  event(RelayEvent::download_flushed);
}

// True when nothing waits any more.
bool Relay::flush_download() {
  while (download_sent_ < download_queue_.size()) {
    const std::size_t sent =
        send_local(download_queue_.data() + download_sent_, download_queue_.size() - download_sent_);
    if (local_failed_) {
      event(RelayEvent::local_reset);
      return false;
    }
    download_sent_ += sent;
    if (sent == 0) {
      block_download();
      return false;
    }
  }
  download_sent_ = 0;
  download_queue_.clear();
  // A queue of up to a window is not kept, nor one for each connection.
  if (download_queue_.capacity() <= 2 * kDownloadQueueLimit) download_queue_.swap(t_spare_queue);
  std::string().swap(download_queue_);
  return true;
}

// The poller has seen an error, a hang-up or urgent data, which look alike from there. A hang-up alone means that both
// sides have ended in order; bytes of the local one may still be unread.
void Relay::on_local_error() {
  pollfd state{local_.get(), 0, 0};
  ::poll(&state, 1, 0);
  if ((state.revents & POLLERR) != 0) return event(RelayEvent::local_reset);
  errors_muted_ = true;  // it would be reported again and again
}

void Relay::event(RelayEvent event) {
  const RelayContext context{!upload_rest_.empty(), !download_queue_.empty() || download_stalled_};
  const RelayStep result = step(state_, context, event);
  if (result.legality != Legality::legal) return;
  state_ = result.next;
  for (const RelayAction action : result.actions) perform(action);
  if (state_.over) tell([](RelayOwner& owner) { owner.relay_over(); });
}

void Relay::perform(RelayAction action) {
  switch (action) {
    case RelayAction::send_eof:
      if (channel_ != nullptr) channel_->send_eof();
      return;
    case RelayAction::shutdown_local: ::shutdown(local_.get(), SHUT_WR); return;
    case RelayAction::close_channel:
      if (channel_ == nullptr) return;
      {
        const Session::Use use(*session_);
        std::exchange(channel_, nullptr)->release();
      }
      return;
    case RelayAction::close_local: return close_local(false);
    case RelayAction::reset_local: return close_local(true);
  }
}

void Relay::update_mask() {
  unsigned mask = errors_muted_ ? 0 : loop::Poller::kError;
  if (opened_ && channel_ != nullptr && !upload_blocked_ && state_.upload == HalfState::open) mask |= loop::Poller::kReadable;
  if (download_blocked_) mask |= loop::Poller::kWritable;
  poller_.watch(mask);
}

void Relay::close_local(bool reset) {
  if (!local_) return;
  poller_.close();
  if (reset) return close_with_reset(local_);
  local_.reset();
}

}  // namespace tunneld::ssh
