// What carries a session's bytes: a TCP connection (socket_transport.h), or a channel of the session before
// it (channel_transport.h).
//
// libssh takes nothing but a descriptor. It asks poll(2) before each read, reads 4096 bytes at a time, and
// offers no way to do otherwise: two system calls for 4096 bytes, at each hop. So what it gets is a
// descriptor that stands for a Transport: its poll, recv, send and close come here (transport_calls.cpp). A
// first hop then reads in large pieces, and the sessions of a chain hand each other their bytes in memory.
//
// When libssh may read or send is for the session to say: a call into libssh may poll on its way, and would
// otherwise process packets in the middle of something else, or send many small pieces.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

#include "core/unique_fd.h"

namespace tunneld::ssh {

class Transport {
 public:
  Transport();
  virtual ~Transport();
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  // The number that libssh knows it by; negative when no descriptor was left. libssh closes it, or leaves it
  // to us.
  int descriptor() const { return descriptor_.get(); }

  // `ready` is called by the loop, never from within a call of the session's, when there may be something to
  // read or send that there was not before.
  virtual void start(std::function<void()> ready) = 0;
  // Takes in what has come, up to a bound. Then readable() says whether libssh has something to read.
  virtual void fill() = 0;
  // Whether `ready` should be called when writable() becomes true.
  virtual void watch_writable(bool on) = 0;
  // A worker thread is going to drive the session, and no longer does. Meanwhile `ready` is not called.
  virtual void lend() = 0;
  virtual void take_back() = 0;
  // Ends it for good: the connection or channel is closed, after what libssh has sent, and `ready` is not
  // called any more. A worker that still drives the session may go on, and gets nowhere.
  virtual void leave() = 0;
  // The session is logged in.
  virtual void session_ready() = 0;
  // The session carries a bulk stream, and so does what carries the session.
  virtual void note_bulk_until(std::uint64_t at_ms) = 0;
  // What fill() has taken in and nobody has read.
  virtual std::string_view unread() const = 0;

  // Bytes, the end of the stream or an error wait to be read.
  virtual bool readable() const = 0;
  // send() would take something.
  virtual bool writable() const = 0;

  // What libssh may do now. At first: nothing.
  struct Allowed {
    bool reading = false;
    bool sending = false;
  };
  void allow(Allowed allowed) { allowed_ = allowed; }
  // Whether libssh has read, or heard that it can send, since this was asked last: then another call may get further.
  bool take_progress();

  // For transport_calls.cpp: what the functions of these names do for libssh.
  short poll(short events);
  ssize_t read_for_libssh(char* to, std::size_t size);
  virtual ssize_t receive(char* to, std::size_t size) = 0;
  virtual ssize_t send(const char* from, std::size_t size) = 0;
  void closed();

 private:
  UniqueFd descriptor_;  // of nothing: its number is what counts
  Allowed allowed_;
  bool progress_ = false;
};

// Lets libssh read, send or both while it lives.
class TransportOpen {
 public:
  TransportOpen(Transport& transport, Transport::Allowed allowed) : transport_(transport) {
    transport.allow(allowed);
  }
  ~TransportOpen() { transport_.allow({}); }
  TransportOpen(const TransportOpen&) = delete;
  TransportOpen& operator=(const TransportOpen&) = delete;

 private:
  Transport& transport_;
};

}  // namespace tunneld::ssh
