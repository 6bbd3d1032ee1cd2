// One SSH channel (RFC 4254 section 5) as its user sees it. Made and owned by its Session.
#pragma once

#include <libssh/callbacks.h>
#include <libssh/libssh.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include <tunneld/profile.h>

#include "core/bulk_meter.h"
#include "core/window_tuning.h"

namespace tunneld::ssh {

class Session;

class ChannelUser {
 public:
  virtual ~ChannelUser() = default;
  virtual void channel_opened() = 0;
  // `reason`: RFC 4254 section 5.1 (1 prohibited, 2 connect failed, 3 unknown type, 4 shortage), 0 when not known. The
  // channel is gone.
  virtual void channel_refused(std::uint32_t reason, const std::string& text) = 0;
  // Bytes from the server, in a callback of libssh: they may be moved to a queue or a socket, and nothing else may be
  // done. Returns how many were taken; with fewer than `size` the rest stays with libssh, the window closes, and the
  // user resumes by Channel::read_all().
  virtual std::size_t channel_data(const char* data, std::size_t size) = 0;
  // EOF or CLOSE has come since the last call.
  virtual void channel_news() = 0;
  // After wait_writable(): writable_bytes() is not 0 any more.
  virtual void channel_writable() = 0;
  // The session is gone, and the channel with it.
  virtual void channel_lost() = 0;
  // False for a channel that carries a session, and so whatever goes on in that.
  virtual bool is_one_client() const { return true; }
};

class Channel {
 public:
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  Session& session() { return session_; }
  bool remote_eof() const { return remote_eof_; }
  bool remote_closed() const { return remote_closed_; }

  // Bytes that write() would take now: the remote window and the session's room.
  std::size_t writable_bytes() const;
  // Returns how many were taken, which may be fewer, or none (a key exchange has begun).
  std::size_t write(const char* data, std::size_t size);
  void wait_writable();
  void send_eof();
  // Brings channel_news() after the pump; the one call that may be made from channel_data().
  void ask_for_news() { flag(); }

  // What libssh holds back since channel_data() took less than it was given.
  std::size_t held_back() const;
  // Appends all of that to `out`: reading less would open the window by more than was read (libssh 0.10).
  void read_all(std::string& out);

  // The user leaves. The channel is closed as soon as the protocol allows, also one that is still being opened.
  void release();

 private:
  friend class Session;
  Channel(Session& session, ssh_channel channel, const Endpoint& target, std::string origin_host,
          std::uint16_t origin_port, ChannelUser& user);
  int request_open();
  void flag();
  void took(std::size_t taken);
  void note_if_bulk(std::uint64_t now_ms);
  void tune_window(std::uint64_t now_us);
  // The receive window that is kept open, in bytes.
  std::uint32_t window() const { return tuner_.window(); }
  void open_window();
  void send_close();
  void forget();

  static int on_data(ssh_session, ssh_channel, void* data, std::uint32_t size, int is_stderr, void* self);
  static void on_eof(ssh_session, ssh_channel, void* self);
  static void on_close(ssh_session, ssh_channel, void* self);

  Session& session_;
  ssh_channel channel_;
  Endpoint target_;
  std::string origin_host_;
  std::uint16_t origin_port_;
  ChannelUser* user_;
  ssh_channel_callbacks_struct callbacks_{};
  std::uint64_t asked_at_us_ = 0;  // when its opening was asked for
  std::uint32_t number_ = 0;  // libssh's local channel number
  std::size_t slot_ = 0;      // place in the session's list
  enum class Phase { opening, open, refused, closing } phase_ = Phase::opening;
  std::uint32_t refusal_reason_ = 0;
  std::string refusal_text_;
  bool remote_eof_ = false;
  bool remote_closed_ = false;
  bool draining_ = false;
  bool released_ = false;
  bool flagged_ = false;
  bool waiting_ = false;
  const bool metered_;  // one client's, and may be a bulk stream
  BulkMeter meter_;

  WindowTuner tuner_;
  std::uint64_t taken_ = 0;             // bytes, by the user, since the window was last opened
  std::uint32_t granted_ = kFarWindow;  // no more than this can come, or wait here: a smaller window takes none back
  bool keeps_up_ = true;                // the user: it took all that came last
  bool tuning_ = false;  // in the session's list of those whose window is to be looked at
};

}  // namespace tunneld::ssh
