#include "core/control/json.h"

#include <limits>
#include <utility>

namespace tunneld::control {
namespace {

// Counts brackets outside of strings. Runs before the parser, so that no deep value is ever built.
bool nests_too_deep(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kMaxNesting) return true;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return false;
}

}  // namespace

std::optional<Json> parse_object(std::string_view text) {
  if (nests_too_deep(text)) return std::nullopt;
  Json value = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!value.is_object()) return std::nullopt;
  return value;
}

std::string dump(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

const Json* find(const Json& object, std::string_view key) {
  if (!object.is_object()) return nullptr;
  const auto it = object.find(key);
  return it == object.end() ? nullptr : &*it;
}

std::string get_string(const Json& object, std::string_view key, std::string fallback) {
  const Json* value = find(object, key);
  const auto* text = value ? value->get_ptr<const std::string*>() : nullptr;
  return text ? *text : std::move(fallback);
}

bool get_bool(const Json& object, std::string_view key, bool fallback) {
  const Json* value = find(object, key);
  const auto* flag = value ? value->get_ptr<const bool*>() : nullptr;
  return flag ? *flag : fallback;
}

std::optional<std::int64_t> get_integer(const Json& object, std::string_view key) {
  const Json* value = find(object, key);
  if (!value) return std::nullopt;
  if (const auto* number = value->get_ptr<const std::uint64_t*>()) {
    if (*number > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return std::nullopt;
    return static_cast<std::int64_t>(*number);
  }
  if (const auto* number = value->get_ptr<const std::int64_t*>()) return *number;
  return std::nullopt;
}

std::int64_t get_integer_in(const Json& object, std::string_view key, std::int64_t low, std::int64_t high,
                            std::int64_t fallback) {
  const auto number = get_integer(object, key);
  return number && *number >= low && *number <= high ? *number : fallback;
}

std::vector<std::string> get_strings(const Json& object, std::string_view key) {
  std::vector<std::string> strings;
  const Json* value = find(object, key);
  if (!value || !value->is_array()) return strings;
  for (const Json& element : *value)
    if (const auto* text = element.get_ptr<const std::string*>()) strings.push_back(*text);
  return strings;
}

}  // namespace tunneld::control
