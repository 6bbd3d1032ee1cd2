// A transport whose other end is this process: for asking libssh something without a server, and for tests.
#pragma once

#include <string>

#include "ssh/transport.h"

namespace tunneld::ssh {

class MemoryTransport : public Transport {
 public:
  void start(std::function<void()>) override {}
  void fill() override {}
  void watch_writable(bool) override {}
  void lend() override {}
  void take_back() override {}
  void leave() override {}
  void session_ready() override {}
  void note_bulk_until(std::uint64_t) override {}
  std::string_view unread() const override { return input; }
  bool readable() const override { return !input.empty(); }
  bool writable() const override { return true; }
  ssize_t receive(char* to, std::size_t size) override {
    const std::size_t bytes = input.copy(to, size);
    input.erase(0, bytes);
    return static_cast<ssize_t>(bytes);
  }
  ssize_t send(const char* from, std::size_t size) override {
    output.append(from, size);
    return static_cast<ssize_t>(size);
  }

  std::string input;   // to be read
  std::string output;  // what was sent
};

}  // namespace tunneld::ssh
