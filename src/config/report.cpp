#include "config/report.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "core/sanitize.h"

namespace tunneld::config {
namespace {

// Nobody reads more, and a hostile file must not turn one long line into gigabytes of copies.
constexpr std::size_t kMaxFindings = 1'000;

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
    if (line.size() <= kMaxLineBytes)
      finding.line = find_text_fault(line).offset == std::string_view::npos ? std::string(line) : sanitize(line);
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
  for (Finding& finding : findings_) secrets_.hide(finding);
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
