// The session's channels: opened, told what has come, and closed (RFC 4254 section 5). The connection that carries them is
// session.cpp's.
#include <libssh/libssh.h>

#include <algorithm>
#include <utility>

#include "ssh/session.h"

namespace tunneld::ssh {

Channel* Session::open_channel(const Use&, const Endpoint& target, const std::string& origin_host,
                               std::uint16_t origin_port, ChannelUser& user) {
  if (phase_ != Phase::ready) return nullptr;
  ssh_channel raw = ssh_channel_new(core_->session);
  if (raw == nullptr) return nullptr;
  std::unique_ptr<Channel> made(new Channel(*this, raw, target, origin_host, origin_port, user));
  Channel& channel = *made;
  channel.slot_ = channels_.size();
  channels_.push_back(std::move(made));
  opening_.push_back(&channel);
  if (target.kind == Endpoint::Kind::unix_socket && ssh_get_openssh_version(core_->session) == 0) {
    channel.phase_ = Channel::Phase::refused;
    channel.refusal_reason_ = 3;
    channel.refusal_text_ = "only OpenSSH servers can connect to unix sockets";
    return &channel;
  }
  channel.number_ = ++last_channel_number_;
  channel.asked_at_us_ = loop_.precise_now_us();
  // A session that ended on the way is told as such, by settle().
  if (channel.request_open() == SSH_ERROR && channel.phase_ == Channel::Phase::opening && !is_dead()) {
    channel.phase_ = Channel::Phase::refused;
    channel.refusal_text_ = ssh_get_error(core_->session);
  }
  return &channel;
}

void Session::note_refusal(std::uint32_t number, std::uint32_t reason, const std::string& text) {
  for (const auto& channel : channels_) {
    if (channel->number_ != number) continue;
    channel->phase_ = Channel::Phase::refused;
    channel->refusal_reason_ = reason;
    channel->refusal_text_ = text;
    return;
  }
}

void Session::settle_channels() {
  if (phase_ != Phase::ready) return;
  const bool heard = core_->raw_bytes.in_packets != packets_heard_;
  if (heard) {
    packets_heard_ = core_->raw_bytes.in_packets;
    last_heard_ms_ = loop_.now_ms();
  }
  settle_openings();
  if (phase_ != Phase::ready) return;
  if (heard) settle_ping();  // after the openings: it would overwrite why one was refused
  while (!flagged_.empty() && phase_ == Phase::ready) {
    std::vector<Channel*> batch;
    batch.swap(flagged_);
    for (Channel* channel : batch) {
      channel->flagged_ = false;
      settle_news(*channel);
      if (phase_ != Phase::ready) return;
    }
  }
  settle_windows();
  settle_writers();
}

void Session::settle_news(Channel& channel) {
  if (channel.user_ != nullptr) {
    if (channel.phase_ == Channel::Phase::open) channel.user_->channel_news();
  } else if (channel.phase_ == Channel::Phase::closing) {
    channel.send_close();
    // Until the server's CLOSE has come more data may come, which libssh would keep: on_data() takes it.
    if (!channel.remote_closed_) return;
    channel.forget();
    drop(channel);
  }
}

// From 0.11 on libssh does not log a refusal, but the call that asks for the channel tells of it. It sends nothing.
void Session::look_for_refusal(Channel& channel) {
  if (!fixed_window() || channel.phase_ != Channel::Phase::opening || ssh_channel_is_open(channel.channel_) != 0) return;
  if (channel.request_open() != SSH_ERROR || is_dead()) return;
  const std::string text = ssh_get_error(core_->session);
  channel.phase_ = Channel::Phase::refused;
  channel.refusal_text_ = text;
  if (const auto refusal = refusal_of(text.c_str())) {
    channel.refusal_reason_ = refusal->reason;
    channel.refusal_text_ = refusal->text;
  }
}

void Session::settle_openings() {
  if (opening_.empty()) return;
  std::vector<Channel*> batch;
  batch.swap(opening_);
  for (Channel* channel : batch) {
    if (phase_ != Phase::ready) return;
    look_for_refusal(*channel);
    if (channel->phase_ == Channel::Phase::refused) {
      ChannelUser* user = std::exchange(channel->user_, nullptr);
      const std::uint32_t reason = channel->refusal_reason_;
      const std::string text = std::move(channel->refusal_text_);
      channel->forget();
      drop(*channel);
      if (user != nullptr) user->channel_refused(reason, text);
    } else if (ssh_channel_is_open(channel->channel_) != 0 || channel->remote_closed_) {
      note_round_trip(channel->asked_at_us_);
      // Opened and closed again within one pump counts as opened: the close is told next.
      const bool wanted = channel->user_ != nullptr;
      channel->phase_ = wanted ? Channel::Phase::open : Channel::Phase::closing;
      // libssh opens with 64,000 bytes, and the first round trip would carry no more. One that nobody wants any more needs
      // it as well: libssh must have no reason to open it after our CLOSE.
      if (!fixed_window()) channel->open_window();
      if (!wanted || channel->remote_eof_ || channel->remote_closed_) channel->flag();
      if (wanted) channel->user_->channel_opened();
    } else {
      opening_.push_back(channel);
    }
  }
}

void Session::settle_writers() {
  if (writers_.empty()) return;
  std::vector<Channel*> batch;
  batch.swap(writers_);
  for (Channel* channel : batch) {
    if (phase_ != Phase::ready) return;
    if (channel->user_ != nullptr && channel->writable_bytes() == 0 && !channel->remote_closed_) {
      writers_.push_back(channel);
      continue;
    }
    channel->waiting_ = false;
    if (channel->user_ != nullptr && !channel->remote_closed_) channel->user_->channel_writable();
  }
}

void Session::settle_windows() {
  if (tuning_.empty() || phase_ != Phase::ready) return;
  std::vector<Channel*> batch;
  batch.swap(tuning_);
  for (Channel* channel : batch) channel->tune_window(loop_.precise_now_us());
}

void Session::drop(Channel& channel) {
  if (channel.waiting_) std::erase(writers_, &channel);
  if (channel.tuning_) std::erase(tuning_, &channel);
  // Closing it may have brought news of it, which nobody waits for any more.
  if (channel.flagged_) std::erase(flagged_, &channel);
  if (channel.released_) --released_count_;
  const std::size_t slot = channel.slot_;
  channels_.back()->slot_ = slot;
  std::swap(channels_[slot], channels_.back());
  channels_.pop_back();
}

void Session::lose_channels() {
  std::vector<std::unique_ptr<Channel>> lost;
  lost.swap(channels_);
  flagged_.clear();
  opening_.clear();
  released_count_ = 0;
  writers_.clear();
  tuning_.clear();
  for (const auto& channel : lost) {
    ssh_remove_channel_callbacks(channel->channel_, &channel->callbacks_);
    if (ChannelUser* user = std::exchange(channel->user_, nullptr)) user->channel_lost();
  }
}

}  // namespace tunneld::ssh
