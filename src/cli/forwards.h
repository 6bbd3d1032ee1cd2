// What a client needs to know of an open forward: its address, a command that connects, variables for `exec`.
// Pure functions.
#pragma once

#include <tunneld/profile.h>

#include <map>
#include <string>
#include <vector>

#include "core/control/json.h"

namespace tunneld::cli {

// A forward as the daemon reports it in `profile_up`.
struct OpenForward {
  std::string name;
  std::string listen;  // "127.0.0.1:5432", "[::1]:5432", "unix:/run/x.sock"
  std::string connect;
  std::string app;  // as the profile says; often empty
};

std::vector<OpenForward> open_forwards(const control::Json& profile_up);

// Where a client of this machine connects to: 0.0.0.0 and :: become the loopback address; so does localhost,
// which is bound in both families, so that no client need resolve it.
Endpoint for_client(Endpoint listen);

// A command line that connects, e.g. "psql -h 127.0.0.1 -p 5432"; empty when the application is not known.
// Where the profile does not name it, the target's port (5432, 6379) or the forward's name (postgres, redis)
// tells.
std::string client_hint(const OpenForward& forward);

// "prod-db is up: psql -h 127.0.0.1 -p 5432". `idle`: the chain waits for a client.
std::string up_line(const std::string& profile, const std::vector<OpenForward>& forwards, bool already, bool idle);

// The environment of `exec`'s command: TUNNELD_<FORWARD>_HOST, _PORT, _ADDRESS; with one forward also
// TUNNELD_HOST and so on; for the first forward with `app: postgresql` PGHOST and PGPORT. A unix socket's
// HOST is its directory and its PORT the number of .s.PGSQL.N, else "".
std::map<std::string, std::string> environment_of(const std::vector<OpenForward>& forwards);

}  // namespace tunneld::cli
