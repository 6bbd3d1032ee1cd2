// Bounds of what a file can make us do.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "profile_folder.h"

namespace tunneld::config {
namespace {

double seconds_to_load(const ProfileFolder& folder, const std::string& name) {
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_FALSE(folder.load({name}).has_errors());
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
}

TEST(Bounds, AFileOnOneLineTakesNoLongerThanOnMany) {
  std::string many = "{\"version\": 1,\n\"profiles\": {\n";
  for (int i = 0; i < 4'000; ++i)
    many += std::string(i == 0 ? "" : ",\n") + "\"p" + std::to_string(i) + "\": {\"hops\": [\"b@h\"]}";
  many += "}}\n";
  std::string one = many;
  std::replace(one.begin(), one.end() - 1, '\n', ' ');
  const ProfileFolder folder;
  folder.write("many.yaml", many);
  folder.write("one.yaml", one);
  const double with_many = seconds_to_load(folder, "many.yaml");
  EXPECT_LT(seconds_to_load(folder, "one.yaml"), 10 * with_many);  // it was 100 times as long
}

TEST(Bounds, APatternThatWalksThroughTooManyFoldersIsRefused) {
  const ProfileFolder folder;
  ASSERT_EQ(::mkdir(folder.path("sub").c_str(), 0700), 0);
  ASSERT_EQ(::symlink("..", folder.path("sub/up").c_str()), 0);
  ASSERT_EQ(::symlink("..", folder.path("sub/top").c_str()), 0);
  std::string pattern;
  for (int i = 0; i < 30; ++i) pattern += "sub/*/";
  folder.write("p.yaml", kHead + "include: [\"" + pattern + "*.yaml\"]\n");
  const LoadResult result = folder.load({"p.yaml"});
  ASSERT_EQ(result.findings.size(), 1U) << rendered(result);
  EXPECT_NE(result.findings.front().message.find("looks at more than 10000 files and folders"), std::string::npos);
}

TEST(Bounds, OneFileTooManyIsSaidOnce) {
  const ProfileFolder folder;
  ASSERT_EQ(::mkdir(folder.path("many").c_str(), 0700), 0);
  for (int i = 0; i < 400; ++i) folder.write("many/" + std::to_string(i) + ".yaml", kHead);
  folder.write("p.yaml", kHead + "include: [\"many/*.yaml\"]\n");
  const LoadResult result = folder.load({"p.yaml"});
  EXPECT_EQ(result.files.size(), 256U);
  EXPECT_EQ(result.findings.size(), 1U) << rendered(result);
}

double seconds_for_files_that_include(int next) {
  constexpr int kFiles = 200;
  const ProfileFolder folder;
  for (int i = 0; i < kFiles; ++i) {
    std::string includes;
    std::string hops;
    for (int j = i + 1; j <= std::min(i + next, kFiles - 1); ++j) includes += std::to_string(j) + ".yaml, ";
    for (int j = i; j < std::min(i + 60, kFiles); ++j) hops += "h" + std::to_string(j) + ", ";
    const std::string name = std::to_string(i);
    folder.write(name + ".yaml", kHead + "include: [" + includes + "]\ndefaults: {user: u" + name + "}\nhosts: {h" +
                                     name + ": {hostname: h" + name + ".example.com}}\nprofiles: {p" + name +
                                     ": {hops: [" + hops + "]}}\n");
  }
  return seconds_to_load(folder, "0.yaml");
}

TEST(Bounds, FilesThatIncludeEachOtherDenselyAreResolvedSoon) {
  const double in_a_row = seconds_for_files_that_include(1);
  EXPECT_LT(seconds_for_files_that_include(59), 10 * in_a_row);  // it was 20 times as long
}

double seconds_to_find_unknown_keys_beside(const std::string& key) {
  std::string values;
  std::string unknown;
  for (int i = 0; i < 40'000; ++i) values += "s" + std::to_string(i) + ", ";
  for (int i = 0; i < 1'000; ++i) unknown += ", z" + std::to_string(i) + ": x";
  const ProfileFolder folder;
  folder.write("p.yaml", "{version: 1, " + key + ": [" + values + "]" + unknown + "}\n");
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(folder.load({"p.yaml"}).findings.size(), 1'001U);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
}

TEST(Bounds, ManySecretsInALineAreHiddenSoon) {
  const double without_secrets = seconds_to_find_unknown_keys_beside("words");
  EXPECT_LT(seconds_to_find_unknown_keys_beside("password"), 10 * without_secrets);  // it was 500 times as long
}

TEST(Bounds, AnothersHomeIsNotKnown) {
  const ProfileFolder folder;
  folder.write("p.yaml", kHead + "include: [~bob/x.yaml]\n");
  EXPECT_NE(rendered(folder.load({"p.yaml"})).find("only one's own ~/ is known"), std::string::npos);
}

}  // namespace
}  // namespace tunneld::config
