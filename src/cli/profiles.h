// Profiles as the command line sees them: loaded here as well as in the daemon, so that mistakes show without
// one.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "cli/context.h"
#include "config/loader.h"
#include "core/result.h"

namespace tunneld::cli {

config::LoadRequest load_request(const Context& context);
config::LoadResult load_profiles(const Context& context);

// "@name" or something with *, ? or [.
bool is_pattern(const std::string& name);

// core's select_profiles() for `up`: before anything is asked of the daemon it reports on stderr what is
// wrong in the files. Returns the profiles, or the exit code after the reason was written:
// - mistakes in a file of a selected profile (or in one that seems to define a missing name): they are shown,
// 5;
// - mistakes elsewhere: one warning line for each file;
// - no profile files at all: where was looked and how to make a first one, 4.
struct Selection {
  std::vector<std::string> names;
  int exit_code = 0;  // not 0: stop
};
Selection choose_profiles(const config::LoadResult& loaded, const std::vector<std::string>& names,
                          const Context& context);

// One warning line on stderr for each file with errors that is not in `except`.
void warn_of_mistakes(const config::LoadResult& loaded, const std::set<std::string>& except,
                      const Context& context);

// No profile file was found where they are looked for, nor anything else that is wrong there.
bool no_profiles(const config::LoadResult& loaded, const Context& context);

// Says where was looked and shows a first profile to copy, on stderr. Returns the exit code, 4.
int report_no_profiles(const Context& context);

}  // namespace tunneld::cli
