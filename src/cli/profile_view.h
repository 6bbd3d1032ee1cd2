// What the daemon says of profiles that are up (CONTROL.md's items), as `ps` and `status` show it. Pure
// functions.
#pragma once

#include <string>
#include <vector>

#include "cli/text.h"
#include "core/control/json.h"

namespace tunneld::cli {

// {"schema": 1, "daemon": {"pid", "version"}, "profiles": [...]}. `daemon` is null when none runs. A key of
// the man page that the daemon left out is there as null.
control::Json profiles_json(const control::Json& daemon, const std::vector<control::Json>& items);

// The table of `ps`: a row for each forward, the profile's own columns in its first row; below a profile that
// is not up, why. Free of control characters.
std::string ps_text(const std::vector<control::Json>& items, WallTime now, bool color);

// `status NAME`: one profile in full.
std::string status_text(const control::Json& item, WallTime now, const std::string& home, bool color);

}  // namespace tunneld::cli
