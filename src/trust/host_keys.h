// The store of host keys that hops are checked against: pins, tunneld's own known_hosts, the user's, the
// machine's.
//
// The rules, in this order (README.md beside this file says why):
//  1. A @revoked line for the server, in any file, with this key: revoked. Not even a pin helps. So it is when the line
//     is damaged, and whom or which key it means cannot be told otherwise.
//  2. Pins: one equals the key: pinned. There are pins and none does: changed.
//  3. Lines for the recorded name (host_key_names.h), in all files: one equals the key: known. There are
//  lines and none
//     does, be they of another type: changed.
//  4. A host behind other hops of which 3 knows nothing: lines of its plain name in the user's and the
//  machine's files.
//     One equals the key: known_unscoped. There are lines and none does: changed, since the same private
//     address can be two machines.
//  5. Otherwise unknown.
// @cert-authority lines vouch for no plain key, and do not make one changed (OpenSSH's hostfile.c does the
// same).
#pragma once

#include <tunneld/host_key.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "trust/host_key_names.h"
#include "trust/known_hosts_file.h"

namespace tunneld::trust {

struct HostKeyFiles {
  std::string own;                   // the only one that is written
  std::vector<std::string> user;     // ~/.ssh/known_hosts, ~/.ssh/known_hosts2
  std::vector<std::string> machine;  // /etc/ssh/ssh_known_hosts, /etc/ssh/ssh_known_hosts2
};

// The usual files of ssh_config(5) beside tunneld's own.
HostKeyFiles usual_host_key_files(const std::string& own, const std::string& home);

// For one thread. Files that changed on disk are read again at the next question.
class HostKeys final : public HostKeyStore {
 public:
  explicit HostKeys(const HostKeyFiles& files);

  HostKeyVerdict check(const HostKeyQuery& query, const HostKey& key) override;
  // The types of the recorded name first, then those of the plain name; each once.
  std::vector<std::string> known_types(const HostKeyQuery& query) override;
  std::string record(const HostKeyQuery& query, const HostKey& key) override;

  // For the log: files that cannot be used, and lines that were skipped. One line of text each.
  std::vector<std::string> problems();

 private:
  struct Found {
    const std::string* file;
    const KnownKey* key;
  };

  void refresh();
  // Lines with this marker that speak of `name`, own file first; `with_own` false leaves that one out.
  std::vector<Found> find(const std::string& name, NameKind kind, Marker marker, bool with_own) const;
  std::optional<Found> find_revoked(const HostKeyNames& names, const HostKey& key) const;
  // Why "unknown" may not be the whole truth; else empty.
  std::string problem_for(const HostKeyNames& names) const;

  std::vector<KnownHostsFile> files_;  // the first is tunneld's own
};

}  // namespace tunneld::trust
