#include "ssh/agent_filter.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>

#include "unit/ssh/agents.h"

namespace tunneld::ssh {
namespace {

using namespace testing;
using tunneld::testing::turn;

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
  return keys;
}

TEST(AgentFilter, ShowsEveryKeyOfARealAgentInItsOrder) {
  const RealAgent agent;
  Loop loop;
  const auto filter = open(loop, agent.path());
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

  const auto none = open(loop, agent.path(), {{}, true});
  Asker other(loop, *none);
  EXPECT_EQ(keys_in(other.ask(std::string(1, kRequestIdentities)).value_or("")).size(), 0U);
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
