// What is asked and said about host keys: both fingerprints, the file and line, and what would accept the key.
#pragma once

#include <string>
#include <vector>

#include <tunneld/host_key.h>

namespace tunneld::ssh {

HostKeyQuery host_key_query(const Host& host, const std::vector<std::string>& path);

// The question for a person, several lines.
std::string host_key_question(const Host& host, const HostKey& key, const std::vector<std::string>& path);

Error refused_key_error(const Host& host, const HostKey& key, const HostKeyVerdict& verdict);  // changed or revoked
Error unknown_key_error(const Host& host, const HostKey& key, const HostKeyVerdict& verdict);
// Nobody can be asked. `problem`: the known_hosts file or line because of which accept-new must ask as well; may be
// empty.
Error needs_answer_error(const Host& host, const HostKey& key, const std::string& problem);
Error unanswered_error(const Host& host, const HostKey& key);    // somebody was asked, and did not answer in time
Error declined_key_error(const Host& host, const HostKey& key);
Error unsaved_key_error(const Host& host, const std::string& failure);

}  // namespace tunneld::ssh
