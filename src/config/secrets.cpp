#include "config/secrets.h"

#include <algorithm>
#include <array>

#include "config/yaml_tree.h"

namespace tunneld::config {
namespace {

constexpr std::array<std::string_view, 9> kSecretKeys = {"password", "passwd", "pass",        "passphrase", "otp",
                                                         "secret",   "token",  "private_key", "api_key"};

bool replace_all(std::string& text, const std::string& word, const std::string& by) {
  bool found = false;
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + by.size())) {
    text.replace(at, word.size(), by);
    found = true;
  }
  return found;
}

// "root:hunter2@host" to "root:***@host".
void hide_userinfo(std::string& text) {
  for (std::size_t at = text.find('@'); at != std::string::npos; at = text.find('@', at + 1)) {
    const std::size_t begin = text.find_last_of(" \t\"'`/", at);
    const std::size_t colon = text.find(':', begin == std::string::npos ? 0 : begin);
    if (colon >= at || at - colon < 2) continue;
    text.replace(colon + 1, at - colon - 1, "***");
    at = colon + 4;
  }
}

bool ends_word(char c) {
  return c == ' ' || c == '\t' || c == ':' || c == '"' || c == '\'';
}

// Where the value of a key such as `password:` begins in the line; npos when the line has none from `from`
// on.
std::size_t find_secret_value(std::string_view line, std::size_t from) {
  std::string lower(line);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  std::size_t first = std::string::npos;
  for (const std::string_view key : {"password", "passphrase", "otp"}) {
    for (std::size_t at = lower.find(key, from); at != std::string::npos; at = lower.find(key, at + 1)) {
      std::size_t i = at + key.size();
      if (i >= lower.size() || !ends_word(lower[i])) continue;
      while (i < lower.size() && ends_word(lower[i]) && lower[i] != ':') ++i;
      if (i >= lower.size() || lower[i] != ':') continue;
      ++i;
      while (i < lower.size() && (lower[i] == ' ' || lower[i] == '\t')) ++i;
      first = std::min(first, i);
      break;
    }
  }
  return first;
}

// For a file that is no YAML. A quoted value is masked to its closing quote, any other to the line's end.
std::string masked(std::string_view line) {
  std::string result(line);
  std::size_t at = find_secret_value(line, 0);
  while (at < result.size()) {
    std::size_t end = result.size();
    const char quote = result[at];
    if (quote == '"' || quote == '\'') {
      std::size_t close = at + 1;
      while (close < result.size() && result[close] != quote) close += result[close] == '\\' && quote == '"' ? 2 : 1;
      end = std::min(close + 1, result.size());
    }
    const std::size_t width = code_points(std::string_view(result).substr(at, end - at));
    result.replace(at, end - at, std::string(width, '*'));
    at = find_secret_value(result, at + width);
  }
  return result;
}

}  // namespace

bool is_secret_key(std::string_view key) {
  std::string lower(key);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (c == '-') c = '_';
  }
  return std::find(kSecretKeys.begin(), kSecretKeys.end(), lower) != kSecretKeys.end();
}

void Secrets::collect(const Node& root) {
  if (root.spot.source == nullptr) return;
  std::set<const Node*> seen;
  look_for(root, true, files_[root.spot.source->path()], seen);
}

void Secrets::look_for(const Node& node, bool top, InFile& file, std::set<const Node*>& seen) {
  if (!seen.insert(&node).second) return;
  for (const Node* item : node.items) look_for(*item, false, file, seen);
  for (const Entry& entry : node.entries) {
    if (entry.key == nullptr || entry.value == nullptr) continue;
    if (is_secret_key(entry.key->text))
      collect_under(*entry.value, Keys::secret, file, seen);
    else if (top && entry.key->text == "secrets")
      collect_under(*entry.value, Keys::names, file, seen);
    else
      look_for(*entry.value, false, file, seen);
  }
}

void Secrets::collect_under(const Node& node, Keys keys, InFile& file, std::set<const Node*>& seen) {
  if (!node.text.empty()) file[node.spot.place.line].insert(node.text);
  if (!seen.insert(&node).second) return;
  for (const Node* item : node.items) collect_under(*item, keys, file, seen);
  for (const Entry& entry : node.entries) {
    if (entry.key != nullptr && keys == Keys::secret) file[entry.key->spot.place.line].insert(entry.key->text);
    if (entry.value != nullptr) collect_under(*entry.value, keys, file, seen);
  }
}

void Secrets::hide(Finding& finding) const {
  for (std::string* text : {&finding.line, &finding.message, &finding.fix}) hide_userinfo(*text);
  hide_words(finding);
  finding.line = masked(finding.line);
}

void Secrets::hide_words(Finding& finding) const {
  const auto file = files_.find(finding.position.file);
  if (file == files_.end()) return;
  const auto words = file->second.find(finding.position.line);
  if (words == file->second.end()) return;
  for (const std::string& word : words->second) {
    for (std::string* text : {&finding.message, &finding.fix}) replace_all(*text, in_quotes(word), "`***`");
    // As wide as it was, for what is underlined. One that is written otherwise, with escapes say, is not found.
    if (!replace_all(finding.line, word, std::string(code_points(word), '*'))) finding.line.clear();
  }
}

}  // namespace tunneld::config
