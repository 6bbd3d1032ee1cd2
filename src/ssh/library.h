// libssh as a whole: its types with owners, its version, and the news that it tells only through its log.
#pragma once

#include <libssh/libssh.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/result.h"

namespace tunneld::ssh {

struct KeyDeleter {
  void operator()(ssh_key key) const { ssh_key_free(key); }
};
using KeyPtr = std::unique_ptr<ssh_key_struct, KeyDeleter>;

// "libssh 0.10.6/openssl/zlib"
std::string library_version();

// Does what a process needs once before its first session. An error names a libssh that must not be used.
Result<void> check_library();

// Does what each further thread that drives sessions needs once.
void prepare_thread();

// The receive window of every channel, in bytes, where libssh (0.11 and later) lets nobody change it: no download gets
// further than that in a round trip. None: windows grow (core/window_tuning.h).
std::optional<std::uint32_t> fixed_window();

// "SHA256:..." of a public or private key's public part; empty when libssh cannot tell.
std::string fingerprint(ssh_key key);

// What libssh's error or log text says of a channel that was not opened; none when it is about something else.
struct Refusal {
  std::uint32_t channel = 0;  // its local number
  std::uint32_t reason = 0;   // RFC 4254 section 5.1
  std::string text;           // the server's words
};
std::optional<Refusal> refusal_of(const char* text);

// libssh 0.10 tells why a channel was not opened only as the session's last error, which the next refusal overwrites;
// but each goes through its log. While one of these lives, refusals noted on this thread come to `refused`, with the
// channel's local number, the reason code of RFC 4254 section 5.1 and the server's words.
class RefusalListener {
 public:
  using Callback = std::function<void(std::uint32_t channel, std::uint32_t reason, std::string text)>;
  explicit RefusalListener(const Callback& refused);
  ~RefusalListener();
  RefusalListener(const RefusalListener&) = delete;
  RefusalListener& operator=(const RefusalListener&) = delete;

 private:
  const Callback* previous_;
};

}  // namespace tunneld::ssh
