// The contract between a hop, which is shown a host key, and the store, which says what to think of it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <tunneld/error.h>
#include <tunneld/profile.h>

namespace tunneld {

// A public host key as the server showed it (RFC 4253 section 6.6).
struct HostKey {
  std::string type;         // "ssh-ed25519"
  std::string blob_base64;  // the key blob, as in a known_hosts line
  std::string fingerprint;  // "SHA256:" and base64 without padding, as ssh-keygen -l prints it
};

// Whose key is asked for: the server and the way to it.
struct HostKeyQuery {
  std::string hostname;
  std::uint16_t port = 22;
  std::string alias;               // host_key_alias; empty when not set
  std::vector<std::string> path;   // path_component() of each hop before it, from you on; empty for the first hop
  std::vector<std::string> pins;   // host_keys of the profile
};

enum class HostKeyStatus {
  pinned,          // equals a pin
  known,           // a line of tunneld's own file, the user's or the global one says so
  known_unscoped,  // a hop behind others, known by a plain line of earlier ssh use: to be recorded under its path
  unknown,         // nobody has said anything of it
  changed,         // another key of this server is known: refuse
  revoked,         // refuse
};

struct HostKeyVerdict {
  HostKeyStatus status = HostKeyStatus::unknown;
  std::string name;               // the name it is, or would be, recorded under
  std::string file;               // where the deciding line stands; empty for pins and unknown
  int line = 0;
  std::string known_type;         // changed: what was expected
  std::string known_fingerprint;
  // One line: a known_hosts file that is there but cannot be used (not readable, too large), or a line of one that is
  // damaged and may speak of this server. "unknown" then may not be the whole truth: only a person may accept the key,
  // `accept-new` may not. A revoked one without known_fingerprint: the @revoked line that is damaged. Else empty.
  std::string problem;
};

class HostKeyStore {
 public:
  virtual ~HostKeyStore() = default;
  virtual HostKeyVerdict check(const HostKeyQuery& query, const HostKey& key) = 0;
  // Key types ("ssh-ed25519", "ssh-rsa", ...) known for this server, so that it is asked for these first.
  virtual std::vector<std::string> known_types(const HostKeyQuery& query) = 0;
  // Writes a line for the query's scoped name to tunneld's own file. The text is empty on success, else what failed.
  virtual std::string record(const HostKeyQuery& query, const HostKey& key) = 0;
};

// How a hop stands in the path-scoped names of the hops behind it: its alias, else "host", or "[host]:port" when
// the port is not 22.
std::string path_component(const Host& host);

}  // namespace tunneld
