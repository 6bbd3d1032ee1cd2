#include "loop/resolver.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>

#include "unit/support/sockets.h"
#include "unit/support/turns.h"

namespace tunneld::loop {
namespace {

using testing::run_until;

// The answer to one question.
std::optional<Resolution> resolve(const std::string& host, std::uint16_t port = 22) {
  Loop loop;
  int answers = 0;
  std::optional<Resolution> answer;
  const Resolve question(loop, host, port, [&](Resolution resolution) {
    ++answers;
    answer = std::move(resolution);
  });
  EXPECT_EQ(answers, 0) << "never from within the constructor";
  loop.run();
  EXPECT_EQ(answers, 1);
  return answer;
}

TEST(Resolve, FindsLocalhost) {
  const auto answer = resolve("localhost", 5432);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->failure, "");
  ASSERT_FALSE(answer->addresses.empty());
  for (const SocketAddress& address : answer->addresses) {
    const std::string text = to_string(address);
    EXPECT_TRUE(text == "127.0.0.1:5432" || text == "[::1]:5432") << text;
  }
}

TEST(Resolve, TakesNumericAddresses) {
  const auto v4 = resolve("127.0.0.1", 22);
  ASSERT_TRUE(v4 && v4->addresses.size() == 1U);
  EXPECT_EQ(to_string(v4->addresses[0]), "127.0.0.1:22");
  const auto v6 = resolve("::1", 65535);
  ASSERT_TRUE(v6 && v6->addresses.size() == 1U);
  EXPECT_EQ(to_string(v6->addresses[0]), "[::1]:65535");
}

// RFC 6761: no name under .invalid exists. (An answer may need a name server's word, or the lack of one.)
TEST(Resolve, ANameUnderInvalidFailsWithAReason) {
  const auto answer = resolve("no-such-host.invalid");
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->addresses.empty());
  EXPECT_NE(answer->failure, "");
}

TEST(Resolve, WhatIsNoNameFailsWithoutBeingAsked) {
  for (const std::string& host : {std::string(300, 'a'), std::string("bad name"), std::string()}) {
    const auto answer = resolve(host);
    ASSERT_TRUE(answer);
    EXPECT_TRUE(answer->addresses.empty()) << host;
    EXPECT_NE(answer->failure, "") << host;
  }
}

TEST(Resolve, DestroyedBeforeTheAnswerTellsNothing) {
  for (const std::string& host : {std::string("localhost"), std::string(300, 'a')}) {
    Loop loop;
    const auto held = std::make_shared<int>(1);
    {
      auto question =
          std::make_unique<Resolve>(loop, host, std::uint16_t{22}, [held](Resolution) { FAIL(); });
      question.reset();
    }
    loop.run();  // drains: the lookup's memory goes when its thread has ended
    EXPECT_EQ(held.use_count(), 1) << "the callback is freed";
  }
}

TEST(Resolve, MayBeDestroyedInItsCallback) {
  for (const std::string& host : {std::string("127.0.0.1"), std::string(300, 'a')}) {
    Loop loop;
    int answers = 0;
    std::unique_ptr<Resolve> question;
    question = std::make_unique<Resolve>(loop, host, std::uint16_t{22}, [&](Resolution) {
      question.reset();
      ++answers;
    });
    loop.run();
    EXPECT_EQ(answers, 1);
  }
}

TEST(Resolve, ManyAtOnceAreAllAnswered) {
  Loop loop;
  int answers = 0;
  std::vector<std::unique_ptr<Resolve>> questions;
  for (int i = 0; i < 20; ++i)
    questions.push_back(std::make_unique<Resolve>(loop, "127.0.0.1", std::uint16_t{22},
                                                  [&answers](Resolution) { ++answers; }));
  loop.run();
  EXPECT_EQ(answers, 20);
}

TEST(SocketAddress, IsWrittenWithBracketsRoundIpv6) {
  EXPECT_EQ(to_string(testing::loopback(AF_INET, 22)), "127.0.0.1:22");
  EXPECT_EQ(to_string(testing::loopback(AF_INET6, 22)), "[::1]:22");
  EXPECT_EQ(host_of(testing::loopback(AF_INET6, 22)), "::1");
  EXPECT_EQ(port_of(testing::loopback(AF_INET6, 443)), 443);
  EXPECT_EQ(port_of(testing::loopback(AF_INET, 443)), 443);
}

TEST(SocketAddress, OfAnotherFamilyIsEmpty) {
  SocketAddress address;
  address.storage.ss_family = AF_UNIX;
  address.length = sizeof(sa_family_t);
  EXPECT_EQ(to_string(address), "");
  EXPECT_EQ(host_of(address), "");
  EXPECT_EQ(port_of(address), 0);
}

}  // namespace
}  // namespace tunneld::loop
