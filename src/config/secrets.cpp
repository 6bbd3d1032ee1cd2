#include "config/secrets.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "config/yaml_tree.h"

namespace tunneld::config {
namespace {

constexpr std::string_view kSecrets = "secrets";
constexpr std::string_view kFrom = "_from";

// The key in lower case, with '_' for whatever parts its words.
std::string in_one_spelling(std::string_view key) {
  std::string lower(key);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (c == '-' || c == '.' || c == ' ') c = '_';
  }
  return lower;
}

// What may hold a secret instead of the name of one, too. Who writes `password_from: hunter2` meant `password`.
bool is_hidden_key(std::string_view key) {
  std::string lower = in_one_spelling(key);
  if (lower.ends_with(kFrom)) lower.resize(lower.size() - kFrom.size());
  return is_secret_key(lower);
}

bool is_secrets(std::string_view key) {
  return in_one_spelling(key) == kSecrets;
}

// A value that is a secret whatever its key: a private key, or user:password@host with a password that `hide_userinfo`
// would take for several words.
bool is_secret_text(std::string_view text) {
  if (text.find("PRIVATE KEY-----") != std::string_view::npos) return true;
  const std::size_t at = text.rfind('@');
  const std::size_t colon = text.find(':');
  if (at == std::string_view::npos || colon >= at || at - colon < 2 || text[colon + 1] == ' ') return false;
  return text.substr(colon, at - colon).find_first_of(" \t\"'`") != std::string_view::npos;
}

// Puts `***` for whatever stands in backticks and is one of `quoted`. A word may hold backticks itself.
void hide_quoted(std::string& text, const std::set<std::string>& quoted) {
  for (std::size_t begin = text.find('`'); begin != std::string::npos; begin = text.find('`', begin + 1))
    for (std::size_t end = text.find('`', begin + 1); end != std::string::npos; end = text.find('`', end + 1))
      if (quoted.contains(text.substr(begin, end + 1 - begin))) {
        text.replace(begin, end + 1 - begin, "`***`");
        begin += 4;
        break;
      }
}

// Puts asterisks for some bytes, as wide as they were, for what is underlined. Where they end now.
std::size_t blot(std::string& text, std::size_t begin, std::size_t end) {
  const std::size_t width = code_points(std::string_view(text).substr(begin, end - begin));
  text.replace(begin, end - begin, std::string(width, '*'));
  return begin + width;
}

// "root:hunter2@host" to "root:*******@host". A password may hold '@', ':' and '/' itself.
void hide_userinfo(std::string& text) {
  constexpr std::string_view kWordEnds = " \t\"'`";
  std::size_t begin = 0;
  while ((begin = text.find_first_not_of(kWordEnds, begin)) != std::string::npos) {
    const std::size_t end = std::min(text.find_first_of(kWordEnds, begin), text.size());
    const std::string_view word = std::string_view(text).substr(begin, end - begin);
    const std::size_t at = word.rfind('@');
    const std::size_t scheme = word.find("://");
    const std::size_t colon = word.find(':', scheme < at ? scheme + 3 : 0);
    const bool has_password = at != std::string_view::npos && colon < at && at - colon > 1;
    if (has_password) blot(text, begin + colon + 1, begin + at);
    begin = std::min(text.find_first_of(kWordEnds, begin), text.size());
  }
}

// Where a key that `is_hidden` ends in the line, with ':' or, as in other formats, '='; npos when there is none from
// `from` on.
std::size_t find_key_end(std::string_view line, std::size_t from, bool (*is_hidden)(std::string_view)) {
  constexpr std::string_view kKeyEnds = ":=";
  const auto in_key = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-'; };
  for (std::size_t end = line.find_first_of(kKeyEnds, from); end != std::string_view::npos;
       end = line.find_first_of(kKeyEnds, end + 1)) {
    const std::size_t last = line.substr(0, end).find_last_not_of(" \t\"'");
    if (last == std::string_view::npos) continue;
    std::size_t first = last + 1;
    while (first > 0 && in_key(line[first - 1])) --first;
    if (is_hidden(line.substr(first, last + 1 - first))) return end;
  }
  return std::string_view::npos;
}

// Where its value begins.
std::size_t find_value(std::string_view line, std::size_t from, bool (*is_hidden)(std::string_view)) {
  const std::size_t end = find_key_end(line, from, is_hidden);
  return end == std::string_view::npos ? end : line.find_first_not_of(" \t", end + 1);
}

bool holds_key(std::string_view line) {
  for (std::size_t colon = line.find(':'); colon != std::string_view::npos; colon = line.find(':', colon + 1))
    if (colon + 1 == line.size() || line[colon + 1] == ' ' || line[colon + 1] == '\t') return true;
  return false;
}

// Puts asterisks for the anchors and tags in a line that holds a secret: `db: !hunter2` was meant as text.
void hide_properties(std::string& line) {
  for (std::size_t at = line.find_first_of("&!"); at != std::string::npos; at = line.find_first_of("&!", at + 1)) {
    const bool begins_word = at > 0 && std::string_view(" \t[{,").find(line[at - 1]) != std::string_view::npos;
    if (begins_word) at = blot(line, at, std::min(line.find_first_of(" \t", at), line.size())) - 1;
  }
}

// By the text alone, for what is a comment or no YAML. A quoted value is masked to its closing quote, any other to the
// line's end, but for one that the tree knew.
std::string masked(std::string_view line, bool broken) {
  const auto is_hidden = broken ? is_above_secrets : is_secret_key;
  std::string result(line);
  std::size_t at = find_value(result, 0, is_hidden);
  while (at < result.size()) {
    std::size_t end = result.size();
    const char quote = result[at];
    if (quote == '"' || quote == '\'') {
      std::size_t close = at + 1;
      while (close < result.size() && result[close] != quote) close += result[close] == '\\' && quote == '"' ? 2 : 1;
      end = std::min(close + 1, result.size());
    } else if (quote == '*' && !broken) {
      end = std::min(result.find_first_not_of('*', at), result.size());
    }
    at = find_value(result, blot(result, at, end), is_hidden);
  }
  return result;
}

}  // namespace

bool is_secret_key(std::string_view key) {
  const std::string lower = in_one_spelling(key);
  std::string joined = lower;
  std::erase(joined, '_');
  constexpr std::array<std::string_view, 9> kEnds = {"password",   "passwords", "passwd",    "passphrase", "passcode",
                                                     "privatekey", "apikey",    "secretkey", "accesskey"};
  if (std::any_of(kEnds.begin(), kEnds.end(), [&joined](std::string_view end) { return joined.ends_with(end); }))
    return true;
  constexpr std::array<std::string_view, 12> kLastWords = {"pass",   "pw",     "pwd",   "otp",        "totp",       "secret",
                                                           "dbpass", "pgpass", "token", "sshpass", "credential", "credentials"};
  const std::string last = lower.substr(lower.rfind('_') + 1);
  return std::find(kLastWords.begin(), kLastWords.end(), last) != kLastWords.end();
}

bool is_above_secrets(std::string_view key) {
  return is_secrets(key) || is_hidden_key(key);
}

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
    key_at = find_key_end(line, 0, is_above_secrets) == std::string_view::npos ? std::string_view::npos : begin;
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
