#include "trust/key_blob.h"

#include <openssl/evp.h>

#include <array>

#include "core/ssh_data.h"

namespace tunneld::trust {

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
