#include "ssh/agent_filter.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <memory>
#include <optional>

#include "unit/ssh/keys.h"
#include "unit/support/sockets.h"
#include "unit/support/turns.h"

namespace tunneld::ssh {
namespace {

using namespace testing;
using loop::Loop;
using tunneld::testing::connect_unix;
using tunneld::testing::listen_unix;
using tunneld::testing::Program;
using tunneld::testing::run_until;
using tunneld::testing::send_text;
using tunneld::testing::turn;

constexpr char kRequestIdentities = 11;
constexpr char kIdentitiesAnswer = 12;
constexpr char kSignRequest = 13;
constexpr char kSignResponse = 14;

std::string u32(std::size_t value) {
  std::string text;
  for (const unsigned shift : {24U, 16U, 8U, 0U}) text.push_back(static_cast<char>(value >> shift & 0xff));
  return text;
}

std::string ssh_string(const std::string& value) {
  return u32(value.size()) + value;
}

std::size_t read_u32(const std::string& text, std::size_t at) {
  std::size_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(text.at(at + i));
  return value;
}

std::string from_base64(const std::string& text) {
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

std::string answer_with(const std::vector<Key>& keys) {
  std::string text(1, kIdentitiesAnswer);
  text += u32(keys.size());
  for (const Key& key : keys) text += ssh_string(key.blob) + ssh_string(key.comment);
  return text;
}

// A key of that type, with the right shape and nothing behind it.
Key fake_key(const std::string& type, const std::string& comment) {
  return {ssh_string(type) + ssh_string(std::string(32, 'k')), comment};
}

std::vector<Key> keys_in(const std::string& answer) {
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

std::unique_ptr<AgentFilter> open(Loop& loop, const std::string& path, AgentPolicy policy = {}) {
  auto filter = AgentFilter::open(loop, path, std::move(policy));
  EXPECT_TRUE(filter.has_value());
  return filter ? std::move(*filter) : nullptr;
}

std::vector<std::string> comments(const std::vector<Key>& keys) {
  std::vector<std::string> all;
  for (const Key& key : keys) all.push_back(key.comment);
  return all;
}

// What the filter makes of an agent's answer.
std::vector<Key> filtered(const std::string& answer, AgentPolicy policy = {}) {
  FakeAgent agent;
  Loop loop;
  const auto filter = open(loop, agent.path(), std::move(policy));
  agent.accept();
  agent.say(ssh_string(answer));
  Asker asker(loop, *filter);
  const auto shown = asker.ask(std::string(1, kRequestIdentities));
  EXPECT_TRUE(shown);
  const std::vector<Key> keys = keys_in(shown.value_or(""));
  EXPECT_EQ(filter->offered().size(), keys.size());
  EXPECT_EQ(filter->holds_no_key(), keys.empty());
  return keys;
}

TEST(AgentFilter, ShowsEveryKeyOfARealAgentInItsOrder) {
  const RealAgent agent;
  Loop loop;
  const auto filter = open(loop, agent.path());
  EXPECT_FALSE(filter->holds_no_key()) << "nobody has asked it yet";
  Asker asker(loop, *filter);
  const auto keys = keys_in(asker.ask(std::string(1, kRequestIdentities)).value_or(""));
  ASSERT_EQ(keys.size(), 3U);
  EXPECT_EQ(keys[0].blob, from_base64(agent.blob("a")));
  EXPECT_EQ(keys[1].blob, from_base64(agent.blob("b")));
  EXPECT_EQ(keys[2].blob, from_base64(agent.blob("c")));
  EXPECT_EQ(filter->offered(),
            (Words{"ssh-ed25519 comment of the key", "ecdsa-sha2-nistp256 comment of the key",
                   "ssh-ed25519 comment of the key"}));
}

TEST(AgentFilter, ShowsWantedKeysFirstInTheOrderOfTheProfile) {
  const RealAgent agent;
  Loop loop;
  const auto filter = open(loop, agent.path(), {{agent.blob("c"), agent.blob("b")}, false});
  Asker asker(loop, *filter);
  const auto keys = keys_in(asker.ask(std::string(1, kRequestIdentities)).value_or(""));
  ASSERT_EQ(keys.size(), 3U);
  EXPECT_EQ(keys[0].blob, from_base64(agent.blob("c")));
  EXPECT_EQ(keys[1].blob, from_base64(agent.blob("b")));
  EXPECT_EQ(keys[2].blob, from_base64(agent.blob("a")));
}

TEST(AgentFilter, ShowsOnlyWantedKeysWhenIdentitiesOnlyIsSet) {
  const RealAgent agent;
  Loop loop;
  const auto filter = open(loop, agent.path(), {{agent.blob("b")}, true});
  Asker asker(loop, *filter);
  const auto keys = keys_in(asker.ask(std::string(1, kRequestIdentities)).value_or(""));
  ASSERT_EQ(keys.size(), 1U);
  EXPECT_EQ(keys[0].blob, from_base64(agent.blob("b")));
  EXPECT_FALSE(filter->holds_no_key());

  const auto none = open(loop, agent.path(), {{}, true});
  Asker other(loop, *none);
  EXPECT_EQ(keys_in(other.ask(std::string(1, kRequestIdentities)).value_or("")).size(), 0U);
  EXPECT_TRUE(none->holds_no_key());
}

TEST(AgentFilter, PassesSignaturesThrough) {
  const RealAgent agent;
  Loop loop;
  const auto filter = open(loop, agent.path());
  Asker asker(loop, *filter);
  const std::string request =
      kSignRequest + ssh_string(from_base64(agent.blob("a"))) + ssh_string("data") + u32(0);
  const auto signature = asker.ask(request);
  ASSERT_TRUE(signature);
  EXPECT_EQ(signature->at(0), kSignResponse);
  EXPECT_NE(signature->find("ssh-ed25519"), std::string::npos);
}

TEST(AgentFilter, AnAgentThatIsNotThereIsAnErrorWithTheReason) {
  Loop loop;
  const TempDir dir;
  const auto missing = AgentFilter::open(loop, dir / "none.sock", {});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::agent_unusable);
  EXPECT_EQ(missing.error().message, "the ssh-agent at " + dir / "none.sock" + " cannot be used");
  EXPECT_EQ(missing.error().cause, "No such file or directory");
  EXPECT_NE(missing.error().fix, "");

  { const UniqueFd left = listen_unix(dir / "left.sock"); }
  const auto gone = AgentFilter::open(loop, dir / "left.sock", {});
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().cause, "Connection refused");

  const auto long_path = AgentFilter::open(loop, "/" + std::string(200, 'x'), {});
  ASSERT_FALSE(long_path);
  EXPECT_EQ(long_path.error().code, ErrorCode::agent_unusable);
  EXPECT_EQ(long_path.error().cause, "its path is too long");
}

TEST(AgentFilter, AnAgentThatEndsEndsTheConversation) {
  RealAgent agent;
  Loop loop;
  const auto filter = open(loop, agent.path());
  Asker asker(loop, *filter);
  ASSERT_TRUE(asker.ask(std::string(1, kRequestIdentities)));
  agent.end();
  EXPECT_TRUE(asker.ends());
}

TEST(AgentFilter, AnAgentThatLeavesInTheMiddleOfAnAnswerEndsTheConversation) {
  FakeAgent agent;
  Loop loop;
  const auto filter = open(loop, agent.path());
  agent.accept();
  Asker asker(loop, *filter);
  ASSERT_TRUE(asker.send(std::string(1, kRequestIdentities)));
  EXPECT_EQ(agent.hear(loop, 5), ssh_string(std::string(1, kRequestIdentities)));
  agent.say(u32(100) + "only a part");
  turn(loop);
  agent.leave();
  EXPECT_FALSE(asker.answer());
  EXPECT_FALSE(filter->holds_no_key()) << "it has not said so";
}

TEST(AgentFilter, AnAnswerBeforeTheEndIsDelivered) {
  FakeAgent agent;
  Loop loop;
  const auto filter = open(loop, agent.path());
  agent.accept();
  agent.say(ssh_string(answer_with({fake_key("ssh-ed25519", "x")})));
  agent.leave();
  Asker asker(loop, *filter);
  const auto answer = asker.answer();
  ASSERT_TRUE(answer);
  EXPECT_EQ(comments(keys_in(*answer)), Words{"x"});
  EXPECT_TRUE(asker.ends());
}

TEST(AgentFilter, WhatIsNoAgentProtocolEndsTheConversation) {
  constexpr std::size_t kLimit = 256 * 1024;
  for (const std::string& bytes : {std::string("HTTP/1.0 400 Bad Request\r\n\r\n"), u32(0), u32(kLimit + 1),
                                   u32(0xffffffffU), std::string(64, '\xff')}) {
    FakeAgent agent;
    Loop loop;
    const auto filter = open(loop, agent.path());
    agent.accept();
    agent.say(bytes);
    Asker asker(loop, *filter);
    EXPECT_FALSE(asker.answer());
    EXPECT_TRUE(asker.ends());
    EXPECT_TRUE(agent.sees_end(loop)) << "and the agent is let go";
  }
}

TEST(AgentFilter, AMessageUpToTheLimitPasses) {
  constexpr std::size_t kLimit = 256 * 1024;
  FakeAgent agent;
  Loop loop;
  const auto filter = open(loop, agent.path());
  agent.accept();
  Asker asker(loop, *filter);
  const std::string message = kSignResponse + std::string(kLimit - 1, 's');
  const std::string framed = ssh_string(message);
  // In pieces that fit the socket, so that the test need not wait for room.
  std::optional<std::string> answer;
  for (std::size_t at = 0; at < framed.size(); at += 16'384) {
    agent.say(framed.substr(at, 16'384));
    turn(loop, 3);
  }
  answer = asker.answer();
  ASSERT_TRUE(answer);
  EXPECT_EQ(*answer, message);
}

TEST(AgentFilter, AnAnswerInSingleBytesIsPutTogether) {
  FakeAgent agent;
  Loop loop;
  const auto filter = open(loop, agent.path());
  agent.accept();
  Asker asker(loop, *filter);
  for (const char c : ssh_string(answer_with({fake_key("ssh-rsa", "one"), fake_key("ssh-ed25519", "two")}))) {
    agent.say(std::string(1, c));
    turn(loop, 1);
  }
  EXPECT_EQ(comments(keys_in(asker.answer().value_or(""))), (Words{"one", "two"}));
}

TEST(AgentFilter, QuestionsSentTogetherAreAllAnswered) {
  FakeAgent agent;
  Loop loop;
  const auto filter = open(loop, agent.path());
  agent.accept();
  Asker asker(loop, *filter);
  const std::string both = ssh_string(std::string(1, kRequestIdentities)) + ssh_string("second");
  ASSERT_TRUE(asker.send_raw(both));
  EXPECT_EQ(agent.hear(loop, both.size()), both);
  agent.say(ssh_string(answer_with({})) + ssh_string("second answer"));
  EXPECT_TRUE(asker.answer());
  EXPECT_EQ(asker.answer(), "second answer");
}

// libssh stops reading an agent's list at the first key that it cannot parse.
TEST(AgentFilter, HidesKeysThatLibsshCannotParse) {
  const std::vector<Key> keys = {
      fake_key("ssh-dss", "dsa"),
      fake_key("ssh-ed25519", "plain"),
      fake_key("ssh-xmss@openssh.com", "xmss"),
      fake_key("ssh-ed25519-cert-v01@openssh.com", "certificate"),
      fake_key("sk-ssh-ed25519@openssh.com", "security key"),
      fake_key("webauthn-sk-ecdsa-sha2-nistp256@openssh.com", "webauthn"),
      fake_key("ecdsa-sha2-nistp521", "big"),
      {"no string at all", "broken"},
      {"", "empty"},
  };
  EXPECT_EQ(comments(filtered(answer_with(keys))), (Words{"plain", "certificate", "security key", "big"}));
}

TEST(AgentFilter, TakesWhatIsWholeOfADamagedList) {
  const std::string whole = answer_with({fake_key("ssh-ed25519", "x")});
  std::string promises_more = whole;
  promises_more[4] = 9;
  EXPECT_EQ(comments(filtered(promises_more)), Words{"x"});
  std::string promises_millions = whole;
  promises_millions[1] = '\xff';
  EXPECT_EQ(comments(filtered(promises_millions)), Words{"x"});
  EXPECT_TRUE(filtered(whole.substr(0, whole.size() - 1)).empty());
  EXPECT_TRUE(filtered(std::string(1, kIdentitiesAnswer)).empty());
  EXPECT_TRUE(filtered(kIdentitiesAnswer + u32(1)).empty());
}

TEST(AgentFilter, AnEmptyAgentHoldsNoKey) {
  EXPECT_TRUE(filtered(answer_with({})).empty());
}

TEST(AgentFilter, NonsenseFromTheClientReachesNoAgent) {
  FakeAgent agent;
  Loop loop;
  const auto filter = open(loop, agent.path());
  agent.accept();
  Asker asker(loop, *filter);
  ASSERT_TRUE(asker.send_raw(std::string(64, '\xff')));
  EXPECT_TRUE(asker.ends());
  EXPECT_EQ(agent.hear(loop, 1), "");
}

TEST(AgentFilter, AClientThatLeavesLetsTheAgentGo) {
  FakeAgent agent;
  Loop loop;
  const auto filter = open(loop, agent.path());
  agent.accept();
  Asker asker(loop, *filter);
  asker.close();
  EXPECT_TRUE(agent.sees_end(loop));
}

TEST(AgentFilter, DestroyedWhileTheAgentThinksEndsTheWaiting) {
  FakeAgent agent;
  Loop loop;
  auto filter = open(loop, agent.path());
  agent.accept();
  Asker asker(loop, *filter);
  ASSERT_TRUE(asker.send(std::string(1, kRequestIdentities)));
  EXPECT_EQ(agent.hear(loop, 5).size(), 5U);
  filter.reset();
  EXPECT_TRUE(asker.ends());
  EXPECT_TRUE(agent.sees_end(loop));
  loop.run();
}

}  // namespace
}  // namespace tunneld::ssh
