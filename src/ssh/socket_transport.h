// A first hop's transport: a TCP connection, read in large pieces.
#pragma once

#include <memory>
#include <string>

#include "loop/loop.h"
#include "loop/poller.h"
#include "ssh/transport.h"

namespace tunneld::ssh {

class SocketTransport : public Transport {
 public:
  // `socket`: connected, O_NONBLOCK.
  SocketTransport(loop::Loop& loop, UniqueFd socket);
  ~SocketTransport() override { *self_ = nullptr; }

  void start(std::function<void()> ready) override;
  void fill() override;
  void watch_writable(bool on) override;
  void lend() override;
  void take_back() override;
  void leave() override;
  void session_ready() override {}
  void note_bulk_until(std::uint64_t) override {}
  std::string_view unread() const override { return {buffer_.get() + read_, filled_ - read_}; }
  bool readable() const override { return read_ < filled_ || ended_; }
  bool writable() const override { return !full_; }
  ssize_t receive(char* to, std::size_t size) override;
  ssize_t send(const char* from, std::size_t size) override;

 private:
  void on_socket(unsigned events);
  void update_mask();
  void acknowledge_soon();

  loop::Loop& loop_;
  UniqueFd socket_;
  loop::Poller poller_;
  std::function<void()> ready_;
  bool watching_writable_ = false;
  bool lent_ = false;
  bool was_read_ = false;  // since the loop said that there is something to read
  bool full_ = false;     // the socket takes no more
  bool ended_ = false;    // the other side has closed, or an error has come
  int error_ = 0;         // that error
  std::string pending_;   // taken from libssh, but not by the socket
  std::unique_ptr<char[]> buffer_;
  std::size_t filled_ = 0;
  std::size_t read_ = 0;
  std::shared_ptr<SocketTransport*> self_;  // null inside when this is gone
};

}  // namespace tunneld::ssh
