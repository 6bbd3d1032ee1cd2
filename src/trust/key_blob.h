// Public key blobs (RFC 4253 section 6.6) as known_hosts lines carry them: the type inside, the fingerprint. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tunneld::trust {

// The key type that the blob begins with ("ssh-ed25519"). Nothing when the blob is not a row of at least two
// SSH strings (RFC 4251 section 5) that fill it exactly: cut off, with bytes to spare, or a certificate.
std::optional<std::string> key_type_of(std::string_view blob);

// "SHA256:" and base64 without padding, as `ssh-keygen -l` prints it; empty when the text is not strict
// base64.
std::string fingerprint_sha256(std::string_view blob_base64);

}  // namespace tunneld::trust
