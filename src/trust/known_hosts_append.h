// Adding a line to tunneld's own known_hosts. No other file is ever written.
#pragma once

#include <tunneld/host_key.h>

#include <string>

namespace tunneld::trust {

// Appends "name type blob" to the file at `path`, unless a line for this very name and key stands there
// already. Missing folders are made with mode 0700, the file with 0600. Safe against other processes doing
// the same (flock; the line goes out in one write) and against a full disk (a part of a line is taken back).
// Ends with fsync. Returns "" or, in one line, what failed; the file then is as it was. Waits at most a
// second for the lock. Refuses a name that, as a line, would speak of other hosts as well ("*", "a,b", "!x")
// and a key that is not one.
std::string append_known_host(const std::string& path, const std::string& name, const HostKey& key);

}  // namespace tunneld::trust
