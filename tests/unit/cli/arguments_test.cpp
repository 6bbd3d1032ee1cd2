#include "cli/arguments.h"

#include <gtest/gtest.h>

namespace tunneld::cli {
namespace {

using Words = std::vector<std::string>;

TEST(SplitArguments, LeavesOtherVerbsAlone) {
  const Arguments arguments = split_arguments({"up", "exec", "--", "x"});
  EXPECT_EQ(arguments.ours, (Words{"up", "exec", "--", "x"}));
  EXPECT_EQ(arguments.command, Words{});
}

TEST(SplitArguments, TakesTheCommandAfterTheDashes) {
  const Arguments arguments = split_arguments({"exec", "prod-db", "--", "psql", "--", "-c", "select 1"});
  EXPECT_EQ(arguments.ours, (Words{"exec", "prod-db"}));
  EXPECT_EQ(arguments.command, (Words{"psql", "--", "-c", "select 1"}));
}

TEST(SplitArguments, TakesTheCommandWithoutDashesWithItsOptions) {
  const Arguments arguments = split_arguments({"exec", "prod-db", "psql", "--help", "--wait", "3s"});
  EXPECT_EQ(arguments.ours, (Words{"exec", "prod-db"}));
  EXPECT_EQ(arguments.command, (Words{"psql", "--help", "--wait", "3s"}));
}

TEST(SplitArguments, KnowsWhichOfOurOptionsTakeTheNextWord) {
  const Arguments arguments = split_arguments({"--profiles", "exec", "--color=never", "exec", "--wait", "5s",
                                               "--no-input", "prod-db", "--port", "a=1", "sh"});
  EXPECT_EQ(arguments.ours, (Words{"--profiles", "exec", "--color=never", "exec", "--wait", "5s",
                                   "--no-input", "prod-db", "--port", "a=1"}));
  EXPECT_EQ(arguments.command, Words{"sh"});
}

TEST(SplitArguments, AnUnfinishedLineIsTheParsersToRefuse) {
  EXPECT_EQ(split_arguments({}).ours, Words{});
  EXPECT_EQ(split_arguments({"exec"}).ours, Words{"exec"});
  EXPECT_EQ(split_arguments({"exec", "p"}).command, Words{});
  EXPECT_EQ(split_arguments({"exec", "p", "--wait"}).ours, (Words{"exec", "p", "--wait"}));
  EXPECT_EQ(split_arguments({"exec", "--", "p", "x"}).command, Words{});
}

TEST(VerbOf, SkipsOptionsAndTheirValues) {
  EXPECT_EQ(verb_of({"--profiles", "x", "--color", "never", "ps"}), "ps");
  EXPECT_EQ(verb_of({"--version"}), "");
  EXPECT_EQ(verb_of({}), "");
}

}  // namespace
}  // namespace tunneld::cli
