// The data types that SSH keys and ssh-agent messages are made of (RFC 4251 section 5), and the base64 in which files
// carry keys. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tunneld {

// Strict base64 (RFC 4648 section 4): padded, no white space, no bits left over. Empty text is not a value.
std::optional<std::string> decode_base64(std::string_view text);
std::string encode_base64(std::string_view bytes);

// Take a uint32 or a string off the front of `rest`. Nothing, with `rest` as it was, when it is too short.
std::optional<std::uint32_t> take_uint32(std::string_view& rest);
std::optional<std::string_view> take_string(std::string_view& rest);

void append_uint32(std::string& data, std::uint32_t value);
void append_string(std::string& data, std::string_view value);

}  // namespace tunneld
