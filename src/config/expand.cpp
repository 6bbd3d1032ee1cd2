#include "config/expand.h"

#include <algorithm>

namespace tunneld::config {
namespace {

bool begins_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool in_name(char c) {
  return begins_name(c) || (c >= '0' && c <= '9');
}

constexpr const char* kFix = "write ${NAME} or ${NAME:-default}";

}  // namespace

std::optional<std::string> Expander::variable(std::string_view inside, const Spot& spot, Report& report) {
  const std::size_t name_end =
      static_cast<std::size_t>(std::find_if_not(inside.begin(), inside.end(), in_name) - inside.begin());
  const std::string name(inside.substr(0, name_end));
  const std::string_view rest = inside.substr(name_end);
  const bool has_default = rest.starts_with(":-");
  if (name.empty() || !begins_name(name.front()) || (!rest.empty() && !has_default) ||
      rest.find("${") != std::string_view::npos) {
    report.error(spot, in_quotes("${" + std::string(inside) + "}") + " is not a variable", kFix);
    return std::nullopt;
  }
  std::optional<std::string> value = request_.env ? request_.env(name) : std::nullopt;
  if (value) used_[name] = *value;
  if (value && !(has_default && value->empty())) return value;
  if (has_default) return std::string(rest.substr(2));
  report.error(spot, "the variable " + in_quotes(name) + " is not set",
               "set it, or give a default: ${" + name + ":-default}");
  return std::nullopt;
}

std::optional<std::string> Expander::variables(const std::string& text, const Spot& spot, Report& report) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '$' || i + 1 == text.size() || (text[i + 1] != '{' && !begins_name(text[i + 1]))) {
      result += text[i];
      continue;
    }
    const std::size_t end = text[i + 1] == '{' ? text.find('}', i) : std::string::npos;
    if (end == std::string::npos) {
      report.error(spot, text[i + 1] == '{' ? "the ${ has no }" : "a variable stands in braces", kFix);
      return std::nullopt;
    }
    const auto value = variable(std::string_view(text).substr(i + 2, end - i - 2), spot, report);
    if (!value) return std::nullopt;
    result += *value;
    i = end;
  }
  return result;
}

std::optional<std::string> Expander::path(const std::string& text, const Spot& spot, Report& report) {
  std::optional<std::string> result = variables(text, spot, report);
  if (!result) return std::nullopt;
  const bool hidden = std::any_of(result->begin(), result->end(),
                                  [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
  if (hidden) {
    report.error(spot, "a path must not hold control characters", "write the plain path");
    return std::nullopt;
  }
  if (*result == "~" || result->starts_with("~/")) result = request_.home + result->substr(1);
  if (!result->starts_with('/')) {
    const bool other_home = result->starts_with('~');
    report.error(spot,
                 in_quotes(*result) + (other_home ? ": only one's own ~/ is known" : " is not an absolute path"),
                 "begin it with / or ~/");
    return std::nullopt;
  }
  return result;
}

}  // namespace tunneld::config
