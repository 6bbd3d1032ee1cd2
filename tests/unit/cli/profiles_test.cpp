#include "cli/profiles.h"

#include <gtest/gtest.h>

namespace tunneld::cli {
namespace {

using Names = std::vector<std::string>;

Catalog catalog() {
  Catalog result;
  for (const char* name : {"prod-db", "prod-redis", "stage-db"}) result.profiles[name].name = name;
  result.profiles["prod-db"].tags = {"prod", "db"};
  result.profiles["prod-redis"].tags = {"prod"};
  result.groups["morning"] = {"stage-db", "prod-db"};
  return result;
}

TEST(ExpandNames, TakesNamesGroupsTagsAndGlobs) {
  EXPECT_EQ(expand_names(catalog(), {"stage-db", "prod-db"}), (Names{"stage-db", "prod-db"}));
  EXPECT_EQ(expand_names(catalog(), {"@morning"}), (Names{"stage-db", "prod-db"}));
  EXPECT_EQ(expand_names(catalog(), {"@prod"}), (Names{"prod-db", "prod-redis"}));
  EXPECT_EQ(expand_names(catalog(), {"prod-*"}), (Names{"prod-db", "prod-redis"}));
  EXPECT_EQ(expand_names(catalog(), {"*-d[a-c]"}), (Names{"prod-db", "stage-db"}));
}

TEST(ExpandNames, NamesEachProfileOnce) {
  EXPECT_EQ(expand_names(catalog(), {"prod-db", "@morning", "*"}),
            (Names{"prod-db", "stage-db", "prod-redis"}));
}

TEST(ExpandNames, SuggestsTheNearestName) {
  const auto expanded = expand_names(catalog(), {"prod-bd"});
  ASSERT_FALSE(expanded);
  EXPECT_EQ(expanded.error().code, ErrorCode::no_such_profile);
  EXPECT_EQ(expanded.error().fix, "did you mean prod-db?");
  EXPECT_EQ(expand_names(catalog(), {"@mornin"}).error().fix, "did you mean @morning?");
}

TEST(ExpandNames, ListsWhatThereIsWhenNothingIsNear) {
  EXPECT_EQ(expand_names(catalog(), {"x"}).error().fix,
            "there are: @db, @morning, @prod, prod-db, prod-redis, stage-db");
  EXPECT_EQ(expand_names(catalog(), {"x*"}).error().message, "no profile matches x*");
}

}  // namespace
}  // namespace tunneld::cli
