#include "config/secret_text.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "config/source.h"

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

// Puts asterisks for some bytes, as wide as they were, for what is underlined. Where they end now.
std::size_t blot(std::string& text, std::size_t begin, std::size_t end) {
  const std::size_t width = code_points(std::string_view(text).substr(begin, end - begin));
  text.replace(begin, end - begin, std::string(width, '*'));
  return begin + width;
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

}  // namespace

bool is_secret_key(std::string_view key) {
  const std::string lower = in_one_spelling(key);
  std::string joined = lower;
  std::erase(joined, '_');
  constexpr std::array<std::string_view, 9> kEnds = {"password",   "passwords", "passwd",    "passphrase", "passcode",
                                                     "privatekey", "apikey",    "secretkey", "accesskey"};
  if (std::any_of(kEnds.begin(), kEnds.end(), [&joined](std::string_view end) { return joined.ends_with(end); }))
    return true;
  constexpr std::array<std::string_view, 12> kLastWords = {"pass",  "pw",      "pwd",        "otp",
                                                           "totp",  "secret",  "dbpass",     "pgpass",
                                                           "token", "sshpass", "credential", "credentials"};
  const std::string last = lower.substr(lower.rfind('_') + 1);
  return std::find(kLastWords.begin(), kLastWords.end(), last) != kLastWords.end();
}

bool is_hidden_key(std::string_view key) {
  std::string lower = in_one_spelling(key);
  if (lower.ends_with(kFrom)) lower.resize(lower.size() - kFrom.size());
  return is_secret_key(lower);
}

bool is_above_secrets(std::string_view key) {
  return is_secrets(key) || is_hidden_key(key);
}

bool is_secrets(std::string_view key) {
  return in_one_spelling(key) == kSecrets;
}

bool is_secret_text(std::string_view text) {
  if (text.find("PRIVATE KEY-----") != std::string_view::npos) return true;
  const std::size_t at = text.rfind('@');
  const std::size_t colon = text.find(':');
  if (at == std::string_view::npos || colon >= at || at - colon < 2 || text[colon + 1] == ' ') return false;
  return text.substr(colon, at - colon).find_first_of(" \t\"'`") != std::string_view::npos;
}

bool holds_secret_key(std::string_view line) {
  return find_key_end(line, 0, is_above_secrets) != std::string_view::npos;
}

bool holds_key(std::string_view line) {
  for (std::size_t colon = line.find(':'); colon != std::string_view::npos; colon = line.find(':', colon + 1))
    if (colon + 1 == line.size() || line[colon + 1] == ' ' || line[colon + 1] == '\t') return true;
  return false;
}

void hide_quoted(std::string& text, const std::set<std::string>& quoted) {
  for (std::size_t begin = text.find('`'); begin != std::string::npos; begin = text.find('`', begin + 1))
    for (std::size_t end = text.find('`', begin + 1); end != std::string::npos; end = text.find('`', end + 1))
      if (quoted.contains(text.substr(begin, end + 1 - begin))) {
        text.replace(begin, end + 1 - begin, "`***`");
        begin += 4;
        break;
      }
}

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

void hide_properties(std::string& line) {
  for (std::size_t at = line.find_first_of("&!"); at != std::string::npos; at = line.find_first_of("&!", at + 1)) {
    const bool begins_word = at > 0 && std::string_view(" \t[{,").find(line[at - 1]) != std::string_view::npos;
    if (begins_word) at = blot(line, at, std::min(line.find_first_of(" \t", at), line.size())) - 1;
  }
}

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

}  // namespace tunneld::config
