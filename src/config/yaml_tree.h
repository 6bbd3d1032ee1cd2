// YAML text to a tree of our own, with places, limits and the mistakes that are YAML's rather than the
// schema's. The only file that includes yaml-cpp and the only one where its exceptions live.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "config/report.h"
#include "config/source.h"

namespace tunneld::config {

constexpr int kMaxNesting = 32;
constexpr std::size_t kMaxNodes = 100'000;  // after aliases are expanded

struct Entry;

struct Node {
  enum class Kind { null, scalar, list, map };
  Kind kind = Kind::null;
  Spot spot;
  std::string text;                // scalar, as written: null, ~, yes and 0123 are text too
  std::vector<const Node*> items;  // list
  std::vector<Entry> entries;      // map: every key is a scalar and stands once
  std::vector<Entry> refused;      // of the map, left out after a finding; only to know what they hold
  bool own_flaw = false;  // a mistake was reported of this very list or map, and something is left out
  bool flawed = false;    // of this node or of one in it

  bool is_scalar() const { return kind == Kind::scalar; }
  const Node* find(std::string_view key) const;
};

struct Entry {
  const Node* key = nullptr;
  const Node* value = nullptr;
  bool twice = false;  // the key stands again below, which is reported: which value is meant is not known
};

// Owns its nodes. An alias shares the node it stands for.
struct Tree {
  std::deque<Node> nodes;
  const Node* root =
      nullptr;         // null: the text is no YAML or broke a limit, which is reported, or holds nothing
  bool empty = false;  // holds nothing but comments
};

// Reports: syntax errors, more than one document, duplicate keys, `<<`, tags, keys that are no text, control
// characters from escapes, an alias inside its own anchor, nesting and node limits. Time and memory are
// bounded by the size of the text and the limits. The source outlives the tree.
Tree parse_yaml(const Source& source, Report& report);

}  // namespace tunneld::config
