#include "trust/key_blob.h"

#include <openssl/evp.h>

#include <array>
#include <cstdint>

namespace tunneld::trust {
namespace {

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

// Takes one SSH string off the front of `rest`.
std::optional<std::string_view> take_string(std::string_view& rest) {
  constexpr std::size_t kLengthBytes = 4;
  if (rest.size() < kLengthBytes) return std::nullopt;
  std::uint32_t length = 0;
  for (std::size_t i = 0; i < kLengthBytes; ++i) length = length << 8 | static_cast<unsigned char>(rest[i]);
  rest.remove_prefix(kLengthBytes);
  if (length > rest.size()) return std::nullopt;
  const std::string_view value = rest.substr(0, length);
  rest.remove_prefix(length);
  return value;
}

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
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');  // EVP_EncodeBlock adds a NUL
  const int length =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                      reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(length));
  return text;
}

std::optional<std::string> key_type_of(std::string_view blob) {
  std::string_view rest = blob;
  const auto type = take_string(rest);
  if (!type || type->empty() || rest.empty()) return std::nullopt;
  while (!rest.empty())
    if (!take_string(rest)) return std::nullopt;
  return std::string(*type);
}

std::string fingerprint_sha256(std::string_view blob_base64) {
  const auto blob = decode_base64(blob_base64);
  if (!blob) return {};
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  if (EVP_Digest(blob->data(), blob->size(), digest.data(), &length, EVP_sha256(), nullptr) != 1) return {};
  std::string text = encode_base64({reinterpret_cast<const char*>(digest.data()), length});
  while (text.ends_with('=')) text.pop_back();
  return "SHA256:" + text;
}

}  // namespace tunneld::trust
