#include "core/selection.h"

#include <gtest/gtest.h>

namespace tunneld {
namespace {

using Names = std::vector<std::string>;

Catalog catalog() {
  Catalog result;
  for (const char* name : {"prod-db", "prod-redis", "stage-db"}) result.profiles[name].name = name;
  result.profiles["prod-db"].tags = {"prod", "orders"};
  result.profiles["prod-redis"].tags = {"prod"};
  result.groups["morning"] = {"stage-db", "prod-db"};
  result.groups["broken"] = {"prod-db", "gone"};
  return result;
}

Names selected(const Names& names) {
  return select_profiles(catalog(), names).value();
}
Error refused(const Names& names) {
  return select_profiles(catalog(), names).error();
}

TEST(Selection, NamesGroupsTagsAndGlobs) {
  EXPECT_EQ(selected({"prod-db"}), Names({"prod-db"}));
  EXPECT_EQ(selected({"@morning"}), Names({"stage-db", "prod-db"}));
  EXPECT_EQ(selected({"@prod"}), Names({"prod-db", "prod-redis"}));
  EXPECT_EQ(selected({"*-db"}), Names({"prod-db", "stage-db"}));
  EXPECT_EQ(selected({"prod-[rd]*"}), Names({"prod-db", "prod-redis"}));
  EXPECT_EQ(selected({}), Names());
}

TEST(Selection, KeepsTheOrderGivenAndNamesEachOnce) {
  EXPECT_EQ(selected({"stage-db", "@prod", "*", "prod-db"}), Names({"stage-db", "prod-db", "prod-redis"}));
}

TEST(Selection, NamesTheNearest) {
  const Error profile = refused({"prod-bd"});
  EXPECT_EQ(profile.code, ErrorCode::no_such_profile);
  EXPECT_EQ(profile.message, "no profile is named prod-bd");
  EXPECT_EQ(profile.fix, "did you mean prod-db?");
  EXPECT_EQ(refused({"@mornign"}).fix, "did you mean @morning?");
  EXPECT_EQ(refused({"@order"}).fix, "did you mean @orders?");
  EXPECT_EQ(refused({"x*"}).message, "no profile matches x*");
  EXPECT_EQ(refused({"zzz"}).fix, "known are: prod-db prod-redis stage-db");
}

TEST(Selection, AGroupWithABrokenMemberIsNotBroughtUpInPart) {
  EXPECT_EQ(refused({"@broken"}).code, ErrorCode::profile_invalid);
}

TEST(Selection, AnEmptyCatalogPointsToCheck) {
  EXPECT_EQ(select_profiles(Catalog(), {"x"}).error().fix,
            "no profile file defines one: see `tunneld check`");
}

}  // namespace
}  // namespace tunneld
