#include "cli/findings.h"

#include <algorithm>

#include "cli/text.h"
#include "core/sanitize.h"

namespace tunneld::cli {
namespace {

using control::Json;

std::string percent_escaped(const std::string& text, std::string_view escaped) {
  static constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string result;
  for (const char c : text) {
    if (escaped.find(c) == std::string_view::npos) {
      result += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    result += {'%', kHex[byte >> 4U], kHex[byte & 0xfU]};
  }
  return result;
}

std::string property(const std::string& text) {
  return percent_escaped(text, "%\r\n:,");
}

}  // namespace

std::string finding_text(const config::Finding& finding, const std::string& folder) {
  config::Finding shown = finding;
  shown.position.file = sanitize(short_path(finding.position.file, folder, ""));
  return sanitize_lines(config::render_finding(shown));
}

Json findings_json(const std::vector<config::Finding>& findings) {
  Json list = Json::array();
  for (const config::Finding& finding : findings) {
    const SourcePosition& at = finding.position;
    list.push_back({{"file", at.file},
                    {"line", at.line > 0 ? Json(at.line) : Json()},
                    {"column", at.line > 0 ? Json(at.column) : Json()},
                    {"severity", finding.warning ? "warning" : "error"},
                    {"code", error_info(finding.code).name},
                    {"message", finding.message},
                    {"fix", finding.fix}});
  }
  return {{"schema", 1}, {"findings", std::move(list)}};
}

std::string finding_github(const config::Finding& finding, const std::string& folder) {
  const SourcePosition& at = finding.position;
  std::string text = finding.warning ? "::warning" : "::error";
  text += " file=" + property(short_path(at.file, folder, ""));
  if (at.line > 0) text += ",line=" + std::to_string(at.line) + ",col=" + std::to_string(at.column);
  const std::string message =
      finding.fix.empty() ? finding.message : finding.message + "\nfix: " + finding.fix;
  return text + "::" + percent_escaped(message, "%\r\n") + "\n";
}

std::string summary_text(const config::LoadResult& loaded) {
  const auto warnings = std::count_if(loaded.findings.begin(), loaded.findings.end(),
                                      [](const config::Finding& finding) { return finding.warning; });
  const auto errors = static_cast<std::ptrdiff_t>(loaded.findings.size()) - warnings;
  std::string text = count_text(static_cast<std::int64_t>(loaded.files.size()), "file") + ", " +
                     count_text(static_cast<std::int64_t>(loaded.catalog.profiles.size()), "profile") + ": " +
                     (errors == 0 ? "no mistakes" : count_text(errors, "mistake"));
  if (warnings > 0) text += ", " + count_text(warnings, "warning");
  return text;
}

}  // namespace tunneld::cli
