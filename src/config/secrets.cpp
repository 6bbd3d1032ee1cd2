#include "config/secrets.h"

#include <algorithm>

#include "config/secret_text.h"
#include "config/yaml_tree.h"

namespace tunneld::config {

void Secrets::collect(const Node& root) {
  if (root.spot.source == nullptr) return;
  Seen seen;
  collect(root, Under::nothing, files_[root.spot.source->path()], seen);
}

void Secrets::collect(const Node& node, Under under, InFile& file, Seen& seen) {
  if (!seen.insert({&node, under}).second) return;
  if (under == Under::nothing && is_secret_text(node.text)) under = Under::secret;
  if (under != Under::nothing) file.lines[node.spot.place.line].holds_secret = true;
  if (under != Under::nothing && !node.text.empty()) {
    const Place& place = node.spot.place;
    InLine& line = file.lines[place.line];
    line.places.emplace_back(place.column, place.width);
    line.quoted.insert(in_quotes(node.text));
  }
  for (const Node* item : node.items) collect(*item, under, file, seen);
  for (const std::vector<Entry>* entries : {&node.entries, &node.refused})
    for (const Entry& entry : *entries) {
      collect(*entry.key, under == Under::secret ? under : Under::nothing, file, seen);
      Under below = under;
      const std::string& value = entry.value->text;
      const bool user_with_password =
          entry.key->text == "user" && value.find(':') != std::string::npos && value.find("${") == std::string::npos;
      if (is_hidden_key(entry.key->text) || user_with_password)
        below = Under::secret;
      else if (under == Under::nothing && is_secrets(entry.key->text))
        below = Under::secrets;
      collect(*entry.value, below, file, seen);
    }
}

void Secrets::read_lines(const Source& source, bool broken) {
  InFile& file = files_[source.path()];
  file.broken = broken;
  std::size_t key_at = std::string_view::npos;  // of the secret key that the line may still belong to
  for (int number = 1; number <= source.line_count(); ++number) {
    const std::string_view line = source.line(number).substr(0, kMaxLineBytes);
    std::size_t begin = line.find_first_not_of(" \t");
    if (begin == std::string_view::npos) continue;
    const bool below_key = key_at != std::string_view::npos;
    const bool deeper = below_key && (begin > key_at || (begin == key_at && line.substr(begin).starts_with("- ")));
    const bool misplaced = below_key && !deeper && line[begin] != '#' && !holds_key(line);
    if (misplaced || (deeper && broken)) {
      file.hidden.insert(number);
      file.lines[number].quoted.insert(in_quotes(line.substr(begin)));
    }
    if (deeper || misplaced || line[begin] == '#') continue;
    while (begin < line.size() && line.substr(begin).starts_with("- "))
      begin = std::min(line.find_first_not_of(" \t", begin + 1), line.size());
    key_at = holds_secret_key(line) ? begin : std::string_view::npos;
  }
}

void Secrets::broken_below(const Spot& key) {
  files_[key.source->path()].hidden_from = key.place.line;
}

void Secrets::hide(Finding& finding) const {
  const auto found = files_.find(finding.position.file);
  const bool known = found != files_.end();
  if (known) hide_words(finding, found->second);
  for (std::string* text : {&finding.line, &finding.message, &finding.fix}) hide_userinfo(*text);
  finding.line = masked(finding.line, known && found->second.broken);
}

void Secrets::hide_words(Finding& finding, const InFile& file) const {
  if (finding.position.line >= file.hidden_from || file.hidden.contains(finding.position.line)) finding.line.clear();
  const auto found = file.lines.find(finding.position.line);
  if (found == file.lines.end()) return;
  for (std::string* text : {&finding.message, &finding.fix}) hide_quoted(*text, found->second.quoted);
  if (finding.line.empty()) return;
  std::vector<bool> hidden(code_points(finding.line) + 1);
  for (const auto& [column, width] : found->second.places)
    for (std::size_t i = column; i < std::min(column + width, hidden.size()); ++i) hidden[i] = true;
  std::string line;
  std::size_t column = 0;
  for (const char c : finding.line) {
    const bool begins = !is_continuation(c);
    if (begins) ++column;
    if (!hidden[column])
      line += c;
    else if (begins)
      line += '*';
  }
  if (found->second.holds_secret) hide_properties(line);
  finding.line = std::move(line);
}

}  // namespace tunneld::config
