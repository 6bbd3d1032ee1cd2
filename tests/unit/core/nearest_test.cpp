#include "core/nearest.h"

#include <gtest/gtest.h>

namespace tunneld {
namespace {

TEST(EditDistance, CountsInsertDeleteReplaceAndSwap) {
  EXPECT_EQ(edit_distance("", ""), 0U);
  EXPECT_EQ(edit_distance("abc", ""), 3U);
  EXPECT_EQ(edit_distance("port", "prot"), 1U);
  EXPECT_EQ(edit_distance("host", "hosts"), 1U);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
}

TEST(EditDistance, GivesUpOnLongWords) {
  EXPECT_EQ(edit_distance(std::string(100'000, 'a'), std::string(100'000, 'a')), 100'000U);
}

TEST(Nearest, FindsTheWordMeant) {
  const std::vector<std::string> words{"hostname", "host_keys", "port", "user"};
  EXPECT_EQ(nearest("hostnmae", words), "hostname");
  EXPECT_EQ(nearest("hostkeys", words), "host_keys");
  EXPECT_EQ(nearest("PORT", words), "port");
  EXPECT_EQ(nearest("usr", words), "user");
}

TEST(Nearest, SaysNothingWhenNothingIsNear) {
  EXPECT_EQ(nearest("zebra", {"hostname", "port"}), std::nullopt);
  EXPECT_EQ(nearest("x", {"y"}), std::nullopt);
  EXPECT_EQ(nearest("port", {}), std::nullopt);
}

TEST(Nearest, TheFirstOfEqualsWins) {
  EXPECT_EQ(nearest("edge-c", {"edge-a", "edge-b"}), "edge-a");
}

}  // namespace
}  // namespace tunneld
