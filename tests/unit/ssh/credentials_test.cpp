#include "ssh/credentials.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "unit/ssh/agents.h"

namespace tunneld::ssh {
namespace {

using namespace testing;

// The mark of one who has nothing but an agent that says these bytes, and then stays connected or not.
std::optional<std::uint64_t> mark_with(const std::string& bytes, bool stays = true) {
  FakeAgent agent;
  Host host;
  host.identity_files = {"/nowhere/key"};
  host.identity_agent = agent.path();
  std::optional<std::uint64_t> mark;
  std::thread asker([&] { mark = credentials_mark({host}, "/nowhere"); });
  agent.accept();
  agent.say(bytes);
  if (!stays) agent.leave();
  asker.join();
  return mark;
}

TEST(Credentials, AreTheKeysThatTheAgentHasWhateverTheirOrderAndComments) {
  const Key one = fake_key("ssh-ed25519", "one");
  const Key other = fake_key("ssh-rsa", "other");
  const auto both = mark_with(ssh_string(answer_with({one, other})));
  ASSERT_TRUE(both);
  EXPECT_EQ(mark_with(ssh_string(answer_with({{other.blob, "added at noon"}, one}))), both);
  EXPECT_NE(mark_with(ssh_string(answer_with({one}))), both);
  EXPECT_NE(mark_with(ssh_string(answer_with({}))), both);
}

TEST(Credentials, AreNoneInWhatIsNoAnswer) {
  const auto none = mark_with(ssh_string(answer_with({})));
  ASSERT_TRUE(none);
  EXPECT_EQ(mark_with(ssh_string(std::string(1, '\5'))), none) << "the agent fails";
  EXPECT_EQ(mark_with(u32(kMaxAgentMessage + 1) + "x"), none);
  EXPECT_EQ(mark_with("garbage"), none);
  EXPECT_EQ(mark_with(u32(100) + "it ends in the middle", false), none);
}

TEST(Credentials, AreNotKnownOfAnAgentThatIsLate) {
  EXPECT_EQ(mark_with(""), std::nullopt);
  EXPECT_EQ(mark_with(u32(100) + "the first bytes"), std::nullopt);
}

}  // namespace
}  // namespace tunneld::ssh
