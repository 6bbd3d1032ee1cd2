#include "config/yaml_tree.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <map>
#include <optional>
#include <sstream>
#include <unordered_map>
#include <utility>

#include "config/secret_text.h"

namespace tunneld::config {
namespace {

// Thrown by the builder through yaml-cpp to end a file; what is wrong has been reported.
struct Stop {};

// Where the content of a scalar begins: behind its anchor and tag.
struct Content {
  int byte_column = 0;
  std::string_view rest;  // of the line, from the content on
  bool tagged = false;
};

Content skip_properties(const Source& source, const YAML::Mark& mark) {
  Content content{mark.column, source.rest_of_line(mark.line, mark.column), false};
  while (!content.rest.empty() && (content.rest.front() == '&' || content.rest.front() == '!')) {
    content.tagged = content.tagged || content.rest.front() == '!';
    const std::size_t end = content.rest.find_first_of(" \t");
    if (end == std::string_view::npos) break;
    const std::size_t next = content.rest.find_first_not_of(" \t", end);
    if (next == std::string_view::npos) break;
    content.byte_column += static_cast<int>(next);
    content.rest.remove_prefix(next);
  }
  return content;
}

// Bytes of the quoted scalar at the front of `text` with both quotes; npos when it is not closed.
std::size_t quoted_bytes(std::string_view text) {
  const char quote = text.front();
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (quote == '"' && text[i] == '\\') {
      ++i;
    } else if (text[i] == quote) {
      if (quote == '"' || i + 1 >= text.size() || text[i + 1] != '\'') return i + 1;
      ++i;
    }
  }
  return std::string_view::npos;
}

// yaml-cpp turns `~` and `null` into nothing. The word at a null's mark, unless it is the key of what
// follows.
std::optional<std::string> null_word(std::string_view rest) {
  for (const std::string_view word : {"~", "null", "Null", "NULL"}) {
    if (!rest.starts_with(word)) continue;
    const std::string_view after = rest.substr(word.size());
    const std::size_t next = after.find_first_not_of(" \t");
    if (next == std::string_view::npos || after[next] != ':') return std::string(word);
  }
  return std::nullopt;
}

bool has_control_character(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    const bool c1 = c == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0;
    if ((c < 0x20 && c != '\t' && c != '\n') || c == 0x7F || c1) return true;
  }
  return false;
}

class Builder final : public YAML::EventHandler {
 public:
  Builder(const Source& source, Report& report, Tree& tree) : source_(source), report_(report), tree_(tree) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ == 1) return;
    const std::string_view rest = source_.rest_of_line(mark.line, 0);
    if (rest.starts_with("---"))
      report_.error(spot(mark, 3), "a profile file is one YAML document, and here a second one begins",
                    "put it into a file of its own");
    else
      report_.error(spot(mark, 1), "YAML: text after the end of the document", "check the indentation");
    throw Stop{};
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const Content content = skip_properties(source_, mark);
    const bool as_key = !frames_.empty() && expects_key();
    if (const auto word = null_word(content.rest); word && !as_key) {
      OnScalar(mark, "?", anchor, *word);
      return;
    }
    Node& node = add_node(Node::Kind::null, spot(mark, 1));
    if (!as_key && !frames_.empty()) node.spot = near_spot();
    if (as_key) {
      node.kind = Node::Kind::scalar;
      node.text = std::string(content.rest.substr(0, content.rest.find_first_of(" \t:")));
      node.spot.place = source_.place(mark.line, content.byte_column, node.text.size());
    }
    finish(node, anchor, 1, 0);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const std::string_view rest = source_.rest_of_line(mark.line, mark.column);
    const Spot here = spot(mark, std::min(rest.find_first_of(" \t,]}:"), rest.size()));
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) {
      report_.error(here, "this alias stands inside what it stands for", "write the value out");
      throw Stop{};
    }
    const Anchored& target = found->second;
    count(target.size, here);
    if (depth() + target.height > kMaxNesting) too_deep(here);
    attach(*target.node, target.size, target.height);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    const Content content = skip_properties(source_, mark);
    Node& node = add_node(Node::Kind::scalar, {&source_, scalar_place(mark, content, value)});
    node.text = value;
    if (content.tagged || (tag != "?" && tag != "!")) refuse_tag(mark, node);
    if (has_control_character(value)) {
      report_.error(node.spot, "this text holds a control character", "take the escape out");
      node.flawed = true;
    }
    finish(node, anchor, 1, 0);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(Node::Kind::list, mark, tag, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(Node::Kind::map, mark, tag, anchor);
  }
  void OnMapEnd() override { close(); }

  // The text ended early: the tree is what was read of it.
  void break_off() {
    for (const Frame& frame : frames_)
      if (frame.key != nullptr && is_above_secrets(frame.key->text)) {
        report_.secrets().broken_below(frame.key->spot);
        break;
      }
    while (!frames_.empty()) close();
  }

 private:
  struct Frame {
    Node* node;
    YAML::anchor_t anchor;
    const Node* key = nullptr;                                    // waits for its value
    std::unordered_map<std::string_view, std::size_t> keys = {};  // to the entry
    std::size_t size = 1;
    int height = 1;
  };
  struct Anchored {
    const Node* node;
    std::size_t size;
    int height;
  };

  Spot spot(const YAML::Mark& mark, std::size_t bytes) const {
    return {&source_, source_.place(mark.line, mark.column, bytes)};
  }
  int depth() const { return static_cast<int>(frames_.size()); }
  bool expects_key() const {
    return frames_.back().node->kind == Node::Kind::map && frames_.back().key == nullptr;
  }
  // A value that is missing has no place of its own: its key's, or its list's.
  Spot near_spot() const { return frames_.back().key ? frames_.back().key->spot : frames_.back().node->spot; }

  void count(std::size_t nodes, const Spot& where) {
    nodes_ += nodes;
    if (nodes_ <= kMaxNodes) return;
    report_.error(where, "the file holds more than 100000 nodes, counted after aliases are expanded",
                  "split the file, or take aliases of aliases out");
    throw Stop{};
  }

  [[noreturn]] void too_deep(const Spot& where) {
    report_.error(where, "the file is nested more than 32 deep", "take levels out");
    throw Stop{};
  }

  Node& add_node(Node::Kind kind, const Spot& where) {
    count(1, where);
    Node& node = tree_.nodes.emplace_back();
    node.kind = kind;
    node.spot = where;
    return node;
  }

  void refuse_tag(const YAML::Mark& mark, Node& node) {
    const std::string_view rest = source_.rest_of_line(mark.line, mark.column);
    const std::size_t bang = std::min(rest.find('!'), rest.size());
    const std::size_t end = std::min(rest.find_first_of(" \t,]}", bang), rest.size());
    const bool here = bang < end;
    const Place place =
        source_.place(mark.line, mark.column + (here ? static_cast<int>(bang) : 0), end - bang);
    report_.error({&source_, place}, "tags are not part of the format", "take the tag away");
    node.own_flaw = node.flawed = true;
  }

  Place scalar_place(const YAML::Mark& mark, const Content& content, const std::string& value) {
    const std::string_view rest = content.rest;
    std::size_t bytes = rest.size();
    if (!rest.empty() && (rest.front() == '"' || rest.front() == '\'')) {
      const auto offset = static_cast<std::size_t>(rest.data() - source_.text().data());
      bytes = quoted_bytes(std::string_view(source_.text()).substr(offset));
      if (bytes == std::string_view::npos) {  // yaml-cpp takes the file's end for it
        report_.error({&source_, source_.place(mark.line, content.byte_column, 1)},
                      "YAML: this quote is not closed", "close it before the line ends");
        throw Stop{};
      }
    } else if (rest.starts_with(value)) {
      bytes = value.size();
    }
    return source_.place(mark.line, content.byte_column, bytes);
  }

  void open(Node::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    if (depth() >= kMaxNesting) too_deep(spot(mark, 1));
    Node& node = add_node(kind, spot(mark, 1));
    if (!tag.empty() && tag != "?") refuse_tag(mark, node);
    frames_.push_back({&node, anchor});
  }

  void close() {
    const Frame frame = std::move(frames_.back());
    frames_.pop_back();
    finish(*frame.node, frame.anchor, frame.size, frame.height);
  }

  void finish(const Node& node, YAML::anchor_t anchor, std::size_t size, int height) {
    if (anchor != 0) anchors_[anchor] = {&node, size, height};
    attach(node, size, height);
  }

  void attach(const Node& node, std::size_t size, int height) {
    if (frames_.empty()) {
      tree_.root = &node;
      return;
    }
    Frame& frame = frames_.back();
    frame.size += size;
    frame.height = std::max(frame.height, height + 1);
    frame.node->flawed = frame.node->flawed || node.flawed;
    if (frame.node->kind == Node::Kind::list) {
      frame.node->items.push_back(&node);
    } else if (frame.key == nullptr) {
      frame.key = &node;
    } else {
      add_entry(frame, *std::exchange(frame.key, nullptr), node);
    }
  }

  void add_entry(Frame& frame, const Node& key, const Node& value) {
    const auto refuse = [this, &frame, &key, &value](std::string message, std::string fix) {
      report_.error(key.spot, std::move(message), std::move(fix));
      frame.node->refused.push_back({&key, &value});
      frame.node->own_flaw = frame.node->flawed = true;
    };
    if (!key.is_scalar()) return refuse("a key must be plain text", "write a name");
    if (key.text == "<<")
      return refuse("merge keys (`<<`) are not part of the format", "put what is shared under `defaults:`");
    const auto [first, added] = frame.keys.emplace(key.text, frame.node->entries.size());
    if (added) {
      frame.node->entries.push_back({&key, &value});
      return;
    }
    Entry& earlier = frame.node->entries[first->second];
    earlier.twice = frame.node->flawed = true;
    frame.node->refused.push_back({&key, &value});
    report_.error(key.spot,
                  in_quotes(key.text) + " stands twice here, first in line " +
                      std::to_string(earlier.key->spot.place.line),
                  "keep one of them");
  }

  const Source& source_;
  Report& report_;
  Tree& tree_;
  std::vector<Frame> frames_;
  std::map<YAML::anchor_t, Anchored> anchors_;
  std::size_t nodes_ = 0;
  int documents_ = 0;
};

// YAML's most frequent trap, of which yaml-cpp's messages say nothing; these are the ones that it leads to.
bool is_about_a_tab(std::string_view line, std::string_view message) {
  const bool indented_by_one = line.substr(0, line.find_first_not_of(" \t")).find('\t') != std::string_view::npos;
  return indented_by_one && (message == "illegal map value" || message.starts_with("end of map not found") ||
                             message.starts_with("end of sequence not found"));
}

// What to try, for yaml-cpp's messages that name the symptom only.
std::string syntax_fix(const std::string& message) {
  if (message == "unknown token") return "put the value in quotes";
  if (message == "illegal map value" || message.starts_with("end of map not found"))
    return "check the indentation, and put a value that begins with [ { * & ! | > @ or holds \": \" in "
           "quotes";
  if (message.find("flow") != std::string::npos) return "close every [ and { that was opened";
  return "check the indentation, brackets and quotes here";
}

}  // namespace

const Node* Node::find(std::string_view key) const {
  for (const Entry& entry : entries)
    if (entry.key->text == key) return entry.value;
  return nullptr;
}

Tree parse_yaml(const Source& source, Report& report) {
  Tree tree;
  Builder builder(source, report, tree);
  bool whole = false;
  try {
    std::istringstream stream(source.text());
    YAML::Parser parser(stream);
    tree.empty = !parser.HandleNextDocument(builder);
    if (!tree.empty) parser.HandleNextDocument(builder);  // to see whether there is more than one
    whole = true;
  } catch (const Stop&) {
    // What is wrong has been reported.
  } catch (const YAML::Exception& failure) {
    const Spot spot{&source, source.place(failure.mark.line, failure.mark.column, 1)};
    if (is_about_a_tab(source.line(failure.mark.line + 1), failure.msg))
      report.error(spot, "a tab indents this line, where YAML takes spaces only", "put spaces in its place");
    else
      report.error(spot, "YAML: " + failure.msg, syntax_fix(failure.msg));
  } catch (const std::exception& failure) {
    report.file_error(source.path(), std::string("the file cannot be parsed: ") + failure.what(),
                      "split the file");
  }
  report.secrets().read_lines(source, !whole);
  if (!whole) builder.break_off();
  if (tree.root != nullptr) report.secrets().collect(*tree.root);
  if (!whole) tree.root = nullptr;
  return tree;
}

}  // namespace tunneld::config
