#include "core/ssh_data.h"

#include <algorithm>
#include <array>

namespace tunneld {
namespace {

constexpr std::size_t kLengthBytes = 4;
constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t kNoDigit = 0xff;

constexpr std::array<std::uint8_t, 256> make_digits() {
  std::array<std::uint8_t, 256> digits{};
  digits.fill(kNoDigit);
  for (std::size_t i = 0; i < kAlphabet.size(); ++i)
    digits[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
  return digits;
}
constexpr std::array<std::uint8_t, 256> kDigits = make_digits();

}  // namespace

std::optional<std::string> decode_base64(std::string_view text) {
  if (text.empty() || text.size() % 4 != 0) return std::nullopt;
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  std::uint32_t bits = 0;
  unsigned held = 0;  // how many bits of `bits` are not yet written
  for (const char c : text.substr(0, text.size() - padding)) {
    const std::uint8_t digit = kDigits[static_cast<unsigned char>(c)];
    if (digit == kNoDigit) return std::nullopt;
    bits = (bits << 6 | digit) & 0xffff;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    bytes.push_back(static_cast<char>(bits >> held & 0xff));
  }
  if ((bits & ((1U << held) - 1)) != 0) return std::nullopt;
  return bytes;
}

std::string encode_base64(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (; !bytes.empty(); bytes.remove_prefix(std::min<std::size_t>(bytes.size(), 3))) {
    const std::size_t count = std::min<std::size_t>(bytes.size(), 3);
    std::uint32_t group = 0;
    for (std::size_t i = 0; i < 3; ++i) group = group << 8 | (i < count ? static_cast<unsigned char>(bytes[i]) : 0U);
    // A group of n bytes makes n + 1 digits.
    for (std::size_t i = 0; i < 4; ++i) text.push_back(i <= count ? kAlphabet[group >> (18 - 6 * i) & 63] : '=');
  }
  return text;
}

std::optional<std::uint32_t> take_uint32(std::string_view& rest) {
  if (rest.size() < kLengthBytes) return std::nullopt;
  std::uint32_t value = 0;
  for (const char byte : rest.substr(0, kLengthBytes)) value = value << 8 | static_cast<unsigned char>(byte);
  rest.remove_prefix(kLengthBytes);
  return value;
}

std::optional<std::string_view> take_string(std::string_view& rest) {
  std::string_view after = rest;
  const std::optional<std::uint32_t> length = take_uint32(after);
  if (!length || *length > after.size()) return std::nullopt;
  const std::string_view value = after.substr(0, *length);
  rest = after.substr(*length);
  return value;
}

void append_uint32(std::string& data, std::uint32_t value) {
  for (const unsigned shift : {24U, 16U, 8U, 0U}) data.push_back(static_cast<char>(value >> shift & 0xff));
}

void append_string(std::string& data, std::string_view value) {
  append_uint32(data, static_cast<std::uint32_t>(value.size()));
  data.append(value);
}

}  // namespace tunneld
