#include "config/report.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "core/sanitize.h"

namespace tunneld::config {
namespace {

// Nobody reads more, and a hostile file must not turn one long line into gigabytes of copies.
constexpr std::size_t kMaxFindings = 1'000;
constexpr std::size_t kMaxLineBytes = 4'096;

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

// A finding is printed and logged: what a person wrongly wrote after `password:` must not go along. A quoted
// value is masked to its closing quote, any other to the line's end.
std::string masked(std::string_view line) {
  std::string result(line);
  std::size_t at = find_secret_value(line, 0);
  while (at < result.size()) {
    std::size_t end = result.size();
    const char quote = result[at];
    if (quote == '"' || quote == '\'') {
      std::size_t close = at + 1;
      while (close < result.size() && result[close] != quote)
        close += result[close] == '\\' && quote == '"' ? 2 : 1;
      end = std::min(close + 1, result.size());
    }
    const std::size_t width = code_points(std::string_view(result).substr(at, end - at));
    result.replace(at, end - at, std::string(width, '*'));
    at = find_secret_value(result, at + width);
  }
  return result;
}

}  // namespace

std::string in_quotes(std::string_view word) {
  constexpr std::size_t kMaxCharacters = 60;
  std::string text = sanitize(word.substr(0, 4 * kMaxCharacters));
  if (code_points(text) > kMaxCharacters) {
    std::size_t end = 0;
    for (std::size_t seen = 0; end < text.size(); ++end)
      if ((static_cast<unsigned char>(text[end]) & 0xC0) != 0x80 && ++seen > kMaxCharacters) break;
    text = text.substr(0, end) + "...";
  }
  return "`" + text + "`";
}

SourcePosition position_of(const Spot& spot) {
  if (spot.source == nullptr) return {};
  return {spot.source->path(), spot.place.line, spot.place.column};
}

bool Report::full() const {
  return findings_.size() >= kMaxFindings;
}

void Report::add(const Spot& spot, Finding finding) {
  if (!finding.warning) ++errors_;
  if (full()) {
    if (findings_.size() > kMaxFindings) return;
    finding.message =
        "there are more than " + std::to_string(kMaxFindings) + " findings; the rest is not shown";
    finding.fix = "mend these first";
  }
  if (spot.source != nullptr) {
    finding.position = position_of(spot);
    finding.width = spot.place.width;
    const std::string_view line = spot.source->line(spot.place.line);
    const bool printable = find_text_fault(line).offset == std::string_view::npos;
    if (line.size() <= kMaxLineBytes) finding.line = masked(printable ? std::string(line) : sanitize(line));
  }
  findings_.push_back(std::move(finding));
}

void Report::error(const Spot& spot, std::string message, std::string fix, ErrorCode code) {
  add(spot, {{}, false, code, std::move(message), std::move(fix), {}, 1});
}

void Report::warning(const Spot& spot, std::string message, std::string fix) {
  add(spot, {{}, true, ErrorCode::profile_invalid, std::move(message), std::move(fix), {}, 1});
}

void Report::not_built(const Spot& spot, const std::string& what, std::string fix) {
  error(spot, what + " is not built in this version yet", std::move(fix), ErrorCode::not_built);
}

void Report::file_error(const std::string& path, std::string message, std::string fix) {
  Finding finding{{path, 0, 0}, false, ErrorCode::profile_invalid, std::move(message), std::move(fix), {}, 1};
  add({}, std::move(finding));
}

std::vector<Finding> Report::take() {
  const auto key = [](const Finding& f) {
    return std::tie(f.position.file, f.position.line, f.position.column, f.message);
  };
  std::stable_sort(findings_.begin(), findings_.end(),
                   [key](const Finding& a, const Finding& b) { return key(a) < key(b); });
  const auto same = [key](const Finding& a, const Finding& b) { return key(a) == key(b); };
  findings_.erase(std::unique(findings_.begin(), findings_.end(), same), findings_.end());
  return std::exchange(findings_, {});
}

}  // namespace tunneld::config
