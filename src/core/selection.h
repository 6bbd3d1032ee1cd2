// What a person names on the command line, against the profiles that there are.
#pragma once

#include <tunneld/profile.h>

#include <string>
#include <vector>

#include "core/result.h"

namespace tunneld {

// Expands `prod-db` (a profile), `@name` (a group, else every profile with that tag) and shell globs over
// profile names (fnmatch: * ? []), in the order given, each profile once. An exact profile name wins over its
// reading as a glob; a group wins over a tag of the same name. Members of a group keep the group's order, the
// rest is in order of name. E-NO-SUCH-PROFILE names the nearest profile, group or tag; so does a glob that
// matches nothing. A group's member that the catalog does not hold, because its definition has errors, is
// E-PROFILE-INVALID.
Result<std::vector<std::string>> select_profiles(const Catalog& catalog,
                                                 const std::vector<std::string>& names);

}  // namespace tunneld
