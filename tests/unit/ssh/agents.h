// Both sides of an ssh-agent's protocol (draft-miller-ssh-agent) for the tests of the filter between them:
// real and false agents, and one who asks.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ssh/agent_filter.h"
#include "unit/ssh/keys.h"
#include "unit/support/sockets.h"
#include "unit/support/turns.h"

namespace tunneld::ssh::testing {

using loop::Loop;
using tunneld::testing::listen_unix;
using tunneld::testing::Program;
using tunneld::testing::run_until;
using tunneld::testing::send_text;

inline constexpr char kRequestIdentities = 11;
inline constexpr char kIdentitiesAnswer = 12;
inline constexpr char kSignRequest = 13;
inline constexpr char kSignResponse = 14;

inline std::string u32(std::size_t value) {
  std::string text;
  for (const unsigned shift : {24U, 16U, 8U, 0U}) text.push_back(static_cast<char>(value >> shift & 0xff));
  return text;
}

inline std::string ssh_string(const std::string& value) {
  return u32(value.size()) + value;
}

inline std::size_t read_u32(const std::string& text, std::size_t at) {
  std::size_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(text.at(at + i));
  return value;
}

inline std::string from_base64(const std::string& text) {
  const std::string digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  unsigned group = 0;
  int bits = 0;
  for (const char c : text) {
    if (c == '=') break;
    group = group << 6 | static_cast<unsigned>(digits.find(c));
    if ((bits += 6) >= 8) bytes.push_back(static_cast<char>(group >> (bits -= 8) & 0xff));
  }
  return bytes;
}

struct Key {
  std::string blob, comment;
  bool operator==(const Key&) const = default;
};

inline std::string answer_with(const std::vector<Key>& keys) {
  std::string text(1, kIdentitiesAnswer);
  text += u32(keys.size());
  for (const Key& key : keys) text += ssh_string(key.blob) + ssh_string(key.comment);
  return text;
}

// A key of that type, with the right shape and nothing behind it.
inline Key fake_key(const std::string& type, const std::string& comment) {
  return {ssh_string(type) + ssh_string(std::string(32, 'k')), comment};
}

inline std::vector<Key> keys_in(const std::string& answer) {
  std::vector<Key> keys;
  if (answer.empty() || answer[0] != kIdentitiesAnswer) return keys;
  std::size_t at = 5;
  const auto take = [&] {
    const std::size_t size = read_u32(answer, at);
    const std::string value = answer.substr(at + 4, size);
    at += 4 + size;
    return value;
  };
  for (std::size_t left = read_u32(answer, 1); left > 0; --left) {
    std::string blob = take();
    keys.push_back({std::move(blob), take()});
  }
  EXPECT_EQ(at, answer.size()) << "nothing follows the last key";
  return keys;
}

// libssh's side: asks, and takes the answers.
class Asker {
 public:
  Asker(Loop& loop, AgentFilter& filter) : loop_(loop), fd_(filter.take_client_end()) {
    tunneld::testing::set_nonblocking(fd_);
  }
  bool send(const std::string& message) { return send_text(fd_, ssh_string(message)); }
  bool send_raw(const std::string& bytes) { return send_text(fd_, bytes); }
  // Nothing when the stream ends instead.
  std::optional<std::string> answer() {
    run_until(loop_, [this] { return complete() || at_end(); });
    if (!complete()) return std::nullopt;
    const std::size_t size = read_u32(buffer_, 0);
    std::string message = buffer_.substr(4, size);
    buffer_.erase(0, 4 + size);
    return message;
  }
  std::optional<std::string> ask(const std::string& message) {
    EXPECT_TRUE(send(message));
    return answer();
  }
  bool ends() {
    return run_until(loop_, [this] { return at_end(); });
  }
  void close() { fd_.reset(); }

 private:
  bool complete() {
    read();
    return buffer_.size() >= 4 && buffer_.size() - 4 >= read_u32(buffer_, 0);
  }
  bool at_end() {
    read();
    return ended_;
  }
  void read() {
    std::array<char, 4096> chunk{};
    for (ssize_t got; !ended_ && (got = ::recv(fd_.get(), chunk.data(), chunk.size(), 0)) >= 0;) {
      ended_ = got == 0;
      buffer_.append(chunk.data(), static_cast<std::size_t>(got));
    }
  }
  Loop& loop_;
  UniqueFd fd_;
  std::string buffer_;
  bool ended_ = false;
};

// A real ssh-agent with three keys, in the order a, b, c.
class RealAgent {
 public:
  RealAgent() {
    ready_ = agent_->read_line();  // printed once it listens
    for (const auto& [name, type] : {std::pair{"a", "ed25519"}, {"b", "ecdsa"}, {"c", "ed25519"}}) {
      make_key(dir_ / name, type);
      run({"ssh-add", "-q", dir_ / name}, {"SSH_AUTH_SOCK=" + path()});
    }
  }
  std::string path() const { return dir_ / "agent.sock"; }
  std::string blob(const std::string& name) const { return blob_of(dir_ / (name + ".pub")); }
  void end() { agent_->end(); }

 private:
  TempDir dir_;
  std::unique_ptr<Program> agent_ = std::make_unique<Program>(Words{"ssh-agent", "-D", "-a", path()});
  std::string ready_;
};

// An agent that does what the test says.
class FakeAgent {
 public:
  std::string path() const { return dir_ / "agent.sock"; }
  void accept() {
    client_ = UniqueFd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    EXPECT_TRUE(client_);
  }
  void say(const std::string& bytes) { EXPECT_TRUE(send_text(client_, bytes)); }
  void leave() { client_.reset(); }
  // Until the end of the stream, or `size` bytes.
  std::string hear(Loop& loop, std::size_t size) {
    std::string heard;
    run_until(loop, [&] {
      std::array<char, 4096> chunk{};
      const ssize_t got = ::recv(client_.get(), chunk.data(), chunk.size(), MSG_DONTWAIT);
      if (got > 0) heard.append(chunk.data(), static_cast<std::size_t>(got));
      return got == 0 || (got < 0 && errno != EAGAIN) || heard.size() >= size;
    });
    return heard;
  }
  bool sees_end(Loop& loop) {
    return run_until(loop, [this] {
      char c = 0;
      return ::recv(client_.get(), &c, 1, MSG_DONTWAIT) == 0;
    });
  }

 private:
  TempDir dir_;
  UniqueFd listener_ = listen_unix(path());
  UniqueFd client_;
};

}  // namespace tunneld::ssh::testing
