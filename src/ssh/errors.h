// What libssh, the system and servers say, turned into our errors: code, what, why, the fix.
#pragma once

#include <cstdint>
#include <string>

#include <tunneld/error.h>
#include <tunneld/profile.h>

namespace tunneld::ssh {

// TCP to the first hop failed with this errno.
Error connect_error(const Host& hop, const std::string& address, int error_number);
Error resolve_error(const Host& hop, const std::string& failure);
// `previous` refused to open a channel to `hop` (RFC 4254 section 5.1).
Error channel_error(const Host& previous, const Host& hop, std::uint32_t reason, const std::string& text);
// The last hop refused to open a channel to a forward's target.
Error target_error(const Host& last, const Endpoint& target, std::uint32_t reason, const std::string& text);
// The key exchange failed. `first_bytes`: what the other side sent first, may be empty; `text`: libssh's error.
Error handshake_error(const Host& hop, const std::string& first_bytes, const std::string& text);
// `doing`: "connecting", "the key exchange", ...
Error deadline_error(const Host& hop, const char* doing, long long waited_ms);
Error lost_error(const Host& hop, const std::string& text);
Error silence_error(const Host& hop, long long silent_ms);

}  // namespace tunneld::ssh
