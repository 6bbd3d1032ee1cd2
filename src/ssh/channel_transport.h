// A later hop's transport: a direct-tcpip channel of the session before (RFC 4254 section 7.2). Bytes go from
// session to session in memory, and are bounded both ways: what waits here by a limit, what the server may
// still send by the channel's window.
#pragma once

#include <tunneld/profile.h>

#include <cstdint>
#include <memory>
#include <string>

#include "loop/loop.h"
#include "ssh/channel.h"
#include "ssh/transport.h"

namespace tunneld::ssh {

class TransportOwner {
 public:
  virtual ~TransportOwner() = default;
  virtual void transport_opened() = 0;
  // The server would not open the channel (RFC 4254 section 5.1).
  virtual void transport_refused(std::uint32_t reason, const std::string& text) = 0;
  // The channel, or the session that it belongs to, has ended, and no session reads from this one that would
  // find out.
  virtual void transport_over() = 0;
};

class ChannelTransport : public Transport, private ChannelUser {
 public:
  ChannelTransport(loop::Loop& loop, TransportOwner& owner);
  ~ChannelTransport() override;

  // False when the session cannot open channels any more.
  bool open(Session& outer, const Endpoint& target, const std::string& origin_host,
            std::uint16_t origin_port);

  void start(std::function<void()> ready) override;
  void fill() override;
  void watch_writable(bool on) override;
  void lend() override;
  void take_back() override;
  void leave() override;  // the owner may be gone afterwards
  void session_ready() override { session_ready_ = true; }
  void note_bulk_until(std::uint64_t at_ms) override;
  std::string_view unread() const override { return std::string_view(input_).substr(read_); }
  bool readable() const override { return read_ < input_.size() || at_end(); }
  bool writable() const override;
  ssize_t receive(char* to, std::size_t size) override;
  ssize_t send(const char* from, std::size_t size) override;

 private:
  void channel_opened() override;
  void channel_refused(std::uint32_t reason, const std::string& text) override;
  std::size_t channel_data(const char* data, std::size_t size) override;
  void channel_news() override;
  void channel_writable() override;
  void channel_lost() override;
  bool is_one_client() const override { return false; }

  // A worker is not told: the loop may find out at this moment.
  bool at_end() const { return !lent_ && ended_ && !stalled_; }
  void end();
  void flush();
  void forget_read();
  void tell_ready();

  loop::Loop& loop_;
  TransportOwner* owner_;
  Session* outer_ = nullptr;
  Channel* channel_ = nullptr;
  std::function<void()> ready_;
  bool opened_ = false;
  bool session_ready_ = false;
  bool lent_ = false;
  bool ended_ = false;    // nothing comes after input_
  bool stalled_ = false;  // the channel holds bytes back
  bool telling_ = false;  // tell_ready() is under way
  std::string input_;                        // from the channel, not read by libssh
  std::size_t read_ = 0;                     // of input_
  std::string arrived_;                      // what came while a worker had input_
  std::string pending_;                      // sent by libssh, not taken by the channel
  std::shared_ptr<ChannelTransport*> self_;  // null inside when this is gone
};

}  // namespace tunneld::ssh
