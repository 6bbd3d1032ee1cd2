// The pump between a client's socket and an SSH channel. Memory is bounded in both directions.
//
// It works on the loop of the session, and is made, called and ended on its owner's, which may be another: then its owner
// hears of it a little later, through that loop.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/relay_state.h"
#include "core/unique_fd.h"
#include "loop/loop.h"
#include "loop/poller.h"
#include "loop/visit.h"
#include "ssh/channel.h"

namespace tunneld::ssh {

class RelayOwner {
 public:
  virtual ~RelayOwner() = default;
  // The session has ended before the server answered. Nothing was read from the descriptor, which waits for another one;
  // relay_over() does not follow.
  virtual void relay_unserved(UniqueFd local) = 0;
  // The server would not open the channel (RFC 4254 section 5.1). The descriptor was reset; relay_over() does not follow.
  virtual void relay_refused(std::uint32_t reason, const std::string& text) = 0;
  // Both directions have ended, or one broke. The relay may be retired, not destroyed, from here.
  virtual void relay_over() = 0;
};

class Relay : public ChannelUser {
 public:
  // `local`: a connected stream socket, O_NONBLOCK. `loop`: the session's; `home`: the owner's.
  Relay(loop::Loop& loop, loop::Loop& home, UniqueFd local, RelayOwner& owner);
  ~Relay() override;
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  // False when the session cannot open channels any more. The owner may hear of the answer before this returns.
  bool open(Session& session, const Endpoint& target, const std::string& origin_host, std::uint16_t origin_port);
  // Ends it now, without a word to the owner. A reset tells the local side that the stream is not whole.
  void abort(bool reset);
  // The descriptor, if the server has not answered yet: as relay_unserved(), but asked for.
  UniqueFd take_back();
  bool unanswered() const;
  const Session* session() const { return session_; }  // null before open()
  // The server has sent everything and closed: what we have of it needs no session to reach the local side.
  bool needs_no_session() const;

  std::uint64_t bytes_up() const;    // local to server
  std::uint64_t bytes_down() const;  // server to local

 private:
  void channel_opened() override;
  void channel_refused(std::uint32_t reason, const std::string& text) override;
  std::size_t channel_data(const char* data, std::size_t size) override;
  void channel_news() override;
  void channel_writable() override;
  void channel_lost() override;

  void on_local(unsigned events);
  void on_local_without_channel(unsigned events);
  void read_local();
  void wait_for_channel();
  void write_local();
  bool flush_download();
  void block_download();
  std::size_t send_local(const char* data, std::size_t size);
  void on_local_error();
  void event(RelayEvent event);
  void perform(RelayAction action);
  void update_mask();
  void close_local(bool reset);
  void give_back();
  void tell(std::function<void(RelayOwner&)> news);

  std::optional<loop::Visit> visit_;  // while this is made and unmade
  loop::Loop& loop_;
  loop::Loop& home_;
  RelayOwner& owner_;
  bool owner_listens_ = true;
  bool given_back_ = false;  // nobody has served it, and take_back() gives the descriptor away
  UniqueFd local_;
  loop::Poller poller_;
  Channel* channel_ = nullptr;
  Session* session_ = nullptr;
  RelayState state_;
  bool opened_ = false;
  bool local_failed_ = false;   // found out in channel_data(), acted upon in channel_news()
  bool errors_muted_ = false;  // hang-up or urgent data: no error, but reported like one
  bool upload_blocked_ = false;  // waits for channel_writable()
  bool download_blocked_ = false;  // the local side takes no more
  bool download_stalled_ = false;  // libssh holds bytes back
  std::string upload_rest_;     // read, but not taken by the channel: at most one read
  std::string download_queue_;  // taken from the channel, but not by the local side
  std::size_t download_sent_ = 0;  // of the queue's front
  std::uint64_t bytes_up_ = 0;
  std::uint64_t bytes_down_ = 0;
  std::shared_ptr<Relay*> self_;  // null inside when this is gone
};

}  // namespace tunneld::ssh
