// JSON from a peer that may be hostile: parsed without exceptions, nesting bounded, getters that check types.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tunneld::control {

using Json = nlohmann::json;

// Deeper values than this are refused: some of nlohmann's functions recurse once a level.
inline constexpr int kMaxNesting = 32;

// The value that `text` holds, when it is a JSON object nested at most kMaxNesting deep; else nothing.
std::optional<Json> parse_object(std::string_view text);

// One line of text without '\n'. Bytes that are not UTF-8 become U+FFFD: it never throws.
std::string dump(const Json& value);

// Member `key` of `object` when it is there and of the type asked for; else the fallback. `object` may be any
// value: what is not an object has no members.
const Json* find(const Json& object, std::string_view key);
std::string get_string(const Json& object, std::string_view key, std::string fallback = {});
bool get_bool(const Json& object, std::string_view key, bool fallback = false);
std::optional<std::int64_t> get_integer(const Json& object, std::string_view key);
// The integer when it is within [low, high]; else the fallback.
std::int64_t get_integer_in(const Json& object, std::string_view key, std::int64_t low, std::int64_t high,
                            std::int64_t fallback);
// The strings of an array; elements of other types are left out.
std::vector<std::string> get_strings(const Json& object, std::string_view key);

}  // namespace tunneld::control
