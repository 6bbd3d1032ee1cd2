// The private keys that a host may be shown, from files. Reading is blocking: off the loop.
#pragma once

#include <string>
#include <vector>

#include <tunneld/profile.h>

#include "ssh/library.h"

namespace tunneld::ssh {

struct Identity {
  KeyPtr key;               // with its certificate, if `certificate`
  std::string label;        // the file, as a person would name it: "~/.ssh/id_work"
  std::string type;         // "ssh-ed25519"
  std::string fingerprint;
  bool certificate = false;
};

struct Identities {
  std::vector<Identity> usable;             // in the order to be offered
  std::vector<std::string> agent_keys;      // base64 blobs of public keys whose private half only an agent may have
  std::vector<std::string> problems;        // "~/.ssh/id_work: needs a passphrase", one an unusable file
};

// identity_file of the host, or the usual names in ~/.ssh.
std::vector<std::string> identity_paths(const Host& host, const std::string& home);

// identity_file and certificate_file of the host; without identity_file the usual names in ~/.ssh that exist. A
// certificate is offered before its plain key (ssh_config(5), CertificateFile).
Identities load_identities(const Host& host, const std::string& home);

}  // namespace tunneld::ssh
