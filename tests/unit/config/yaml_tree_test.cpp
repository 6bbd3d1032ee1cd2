// What is wrong with a file before anyone asks what its keys mean: encoding, syntax, limits.
#include "config/yaml_tree.h"

#include <chrono>

#include "profile_folder.h"

namespace tunneld::config {
namespace {

TEST(YamlTree, PlacesCountCharactersNotBytes) {
  const Source source(
      "f", "a: é\nüü: {\"日本\": [x, 'y''z'], k: \"\xF0\x9F\x90\x98\"}\r\nlast: \"multi\n  line\"\n");
  Report report;
  const Tree tree = parse_yaml(source, report);
  ASSERT_NE(tree.root, nullptr);
  const auto at = [](const Node* node) {
    const Place& place = node->spot.place;
    return std::to_string(place.line) + ":" + std::to_string(place.column) + "+" +
           std::to_string(place.width);
  };
  EXPECT_EQ(at(tree.root->find("a")), "1:4+1");
  EXPECT_EQ(at(tree.root->entries[1].key), "2:1+2");
  const Node* map = tree.root->find("üü");
  EXPECT_EQ(at(map->entries[0].key), "2:6+4");
  EXPECT_EQ(at(map->entries[0].value->items[1]), "2:16+6");
  EXPECT_EQ(map->entries[0].value->items[1]->text, "y'z");
  EXPECT_EQ(at(map->find("k")), "2:28+3");
  EXPECT_EQ(at(tree.root->find("last")), "3:7+6");
}

TEST(YamlTree, KeepsTheTextThatYamlWouldTakeForNothing) {
  const Source source("f", "a: ~\nb: null\nc:\nd: [NULL, ]\ne:\nnull: x\nf: ''\n");
  Report report;
  const Tree tree = parse_yaml(source, report);
  EXPECT_EQ(tree.root->find("a")->text, "~");
  EXPECT_EQ(tree.root->find("b")->text, "null");
  EXPECT_EQ(tree.root->find("c")->kind, Node::Kind::null);
  EXPECT_EQ(tree.root->find("d")->items[0]->text, "NULL");
  EXPECT_EQ(tree.root->find("e")->kind, Node::Kind::null);
  EXPECT_EQ(tree.root->find("null")->text, "x");
  EXPECT_TRUE(tree.root->find("f")->is_scalar());
}

TEST(YamlTree, AByteOrderMarkCountsForNothing) {
  expect_only("\xEF\xBB\xBFversoin: 1\n", 1, 1, "a profile file has no key `versoin`");
}

TEST(YamlTree, SyntaxErrorsHaveAPlace) {
  expect_only(kHead + "hosts:\n  é: {a: [1\n", 4, 1, "YAML: ");
  expect_only(kHead + "é: @x\n", 2, 4, "YAML: unknown token", "quotes");
  expect_only(kHead + "a: *nobody\n", 2, 4, "YAML: the referenced anchor is not defined");
  expect_only(kHead + "é: \"never closed\n\n", 2, 4, "YAML: this quote is not closed");
  expect_only(kHead + "é: 'never closed ''\n", 2, 4, "YAML: this quote is not closed");
  expect_only(kHead + "hosts:\n\tx: 1\n", 3, 3, "a tab indents this line", "put spaces");
}

TEST(YamlTree, OneDocumentAFile) {
  expect_only(kHead + "---\nversion: 1\n", 2, 1, "a second one begins");
  expect_only(",", 1, 1, "YAML: text after the end of the document");
}

TEST(YamlTree, OnlyUtf8AndNoControlCharacters) {
  expect_only(kHead + "é: \xFF\n", 2, 4, "not UTF-8");
  expect_only(kHead + "é: \xC0\xAF\n", 2, 4, "not UTF-8");
  expect_only(kHead + "é: \xED\xA0\x80\n", 2, 4, "not UTF-8");
  expect_only(kHead + "é: \xE2\x82", 2, 4, "not UTF-8");
  expect_only(kHead + "é: \x1b[31m\n", 2, 4, "control character");
  expect_only(kHead + "é: \xC2\x9B\n", 2, 4, "control character");
  expect_only(kHead + "é: \x04\n", 2, 4, "control character");
  expect_only(kHead + std::string("é: \0\n", 6), 2, 4, "control character");
  for (const Finding& finding : load_text(kHead + "a: \xFF\x1b[31m\n").findings)
    EXPECT_EQ(finding.line.find_first_of("\xFF\x1b"), std::string::npos);
}

std::string nested(int lists) {
  return kHead + "x: " + std::string(static_cast<std::size_t>(lists), '[') +
         std::string(static_cast<std::size_t>(lists), ']') + "\n";
}

TEST(YamlTree, NestingIsAtMost32) {
  expect_only(nested(31), 2, 1, "no key `x`");
  expect_only(nested(32), 2, 35, "nested more than 32 deep");
  std::string aliased = kHead + "a: &a [[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]\n";
  aliased += "b: [[[[[[[[[[[[[[[[*a]]]]]]]]]]]]]]]]\n";
  expect_only(aliased, 3, 20, "nested more than 32 deep");
  expect_only(kHead + "a: &a [*a]\n", 2, 8, "stands inside what it stands for");
}

TEST(YamlTree, ABillionLaughsAreCutShort) {
  std::string text = kHead + "a0: &a0 [x]\n";
  for (int i = 1; i < 30; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
    for (int k = 1; k < 10; ++k) text += ", " + before;
    text += "]\n";
  }
  const auto begin = std::chrono::steady_clock::now();
  expect_only(text, 7, 25, "more than 100000 nodes");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(1));
}

TEST(YamlTree, ManyNodesAreCutShort) {
  std::string list;
  for (int i = 0; i < 100'001; ++i) list += "- a\n";
  expect_only(list, 100'000, 3, "more than 100000 nodes");
}

TEST(YamlTree, AFileIsAtMostOneMebibyte) {
  const LoadResult result = load_text(kHead + "#" + std::string(1 << 20, 'x') + "\n");
  ASSERT_EQ(result.findings.size(), 1U);
  EXPECT_EQ(result.findings.front().message, "is larger than 1 MiB");
  EXPECT_EQ(result.findings.front().position.line, 0);
}

// What once made the parser slow or endless, a full file of it each.
TEST(YamlTree, HostileFilesEndSoon) {
  for (const std::string piece : {"[",      "{",   "- ",  "? ",   ": ",
                                  ",",      "\"",  "'",   "&a ",  "*a ",
                                  "!a ",    "a: ", "{? ", "|\n",  "%a\n",
                                  "--- \n", "-\n", "a\n", "[[],", "a: &a [x,x,x,x,x,x,x,x,x,x]\n"}) {
    std::string text;
    while (text.size() + piece.size() <= (1U << 20)) text += piece;
    const auto begin = std::chrono::steady_clock::now();
    const LoadResult result = load_text(text);
    EXPECT_TRUE(result.has_errors()) << piece;
    EXPECT_LE(result.findings.size(), 1'001U) << piece;
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20)) << piece;
  }
}

}  // namespace
}  // namespace tunneld::config
