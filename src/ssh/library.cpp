#include "ssh/library.h"

#include <libssh/callbacks.h>

#include <cinttypes>
#include <cstdio>
#include <cstring>

#include "ssh/session_core.h"

namespace tunneld::ssh {
namespace {

thread_local const RefusalListener::Callback* t_listener = nullptr;

void on_log_line(int, const char*, const char* text, void*) {
  if (t_listener == nullptr || text == nullptr) return;
  if (const auto refusal = refusal_of(text)) (*t_listener)(refusal->channel, refusal->reason, refusal->text);
}

}  // namespace

// channels.c, ssh_packet_channel_open_fail: "Channel opening failure: channel %u error (%u) %s"
std::optional<Refusal> refusal_of(const char* text) {
  const char* found = std::strstr(text, "Channel opening failure: channel ");
  if (found == nullptr) return std::nullopt;
  Refusal refusal;
  int consumed = 0;
  if (std::sscanf(found, "Channel opening failure: channel %" SCNu32 " error (%" SCNu32 ") %n", &refusal.channel,
                  &refusal.reason, &consumed) < 2)
    return std::nullopt;
  if (consumed > 0) refusal.text = found + consumed;
  return refusal;
}

std::string library_version() {
  const char* text = ssh_version(0);
  return std::string("libssh ") + (text != nullptr ? text : "unknown");
}

std::optional<std::uint32_t> fixed_window() {
  constexpr std::uint32_t kSince011 = 2 * 1024 * 1024;  // channels.c: WINDOW_DEFAULT
  static const bool fixed = ssh_version(SSH_VERSION_INT(0, 11, 0)) != nullptr;
  if (!fixed) return std::nullopt;
  return kSince011;
}

Result<void> check_library() {
  if (ssh_version(SSH_VERSION_INT(0, 10, 6)) == nullptr) {
    return fail({ErrorCode::internal,
                 "libssh " + std::string(ssh_version(0)) + " is too old",
                 {},
                 "libssh before 0.10.6 has known security faults",
                 "install libssh 0.10.6-0+deb12u3 or later"});
  }
  if (!libssh_uses_transports()) {
    return fail({ErrorCode::internal,
                 "this libssh does not work with tunneld",
                 {},
                 "it does not call the C library through the dynamic linker",
                 "use your distribution's shared libssh, version 0.10.6 or later"});
  }
  prepare_thread();
  return {};
}

// libssh has these for each thread.
void prepare_thread() {
  ssh_set_log_callback(on_log_line);
  ssh_set_log_level(SSH_LOG_WARN);
}

std::string fingerprint(ssh_key key) {
  unsigned char* hash = nullptr;
  std::size_t length = 0;
  if (key == nullptr || ssh_get_publickey_hash(key, SSH_PUBLICKEY_HASH_SHA256, &hash, &length) != SSH_OK) return "";
  char* text = ssh_get_fingerprint_hash(SSH_PUBLICKEY_HASH_SHA256, hash, length);
  std::string result = text != nullptr ? text : "";
  ssh_string_free_char(text);
  ssh_clean_pubkey_hash(&hash);
  return result;
}

RefusalListener::RefusalListener(const Callback& refused) : previous_(t_listener) {
  t_listener = refused ? &refused : nullptr;
}
RefusalListener::~RefusalListener() { t_listener = previous_; }

}  // namespace tunneld::ssh
