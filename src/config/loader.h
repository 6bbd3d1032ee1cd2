// Profile files to a Catalog. Format: profile-format version 1 (src/config/README.md).
// No exception leaves this folder; nothing here connects, runs a command or writes.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <tunneld/error.h>
#include <tunneld/profile.h>

namespace tunneld::config {

// One mistake, as precisely as an editor could show it.
struct Finding {
  SourcePosition position;
  bool warning = false;  // --strict makes warnings count
  ErrorCode code = ErrorCode::profile_invalid;
  std::string message;   // what, naming the key or word
  std::string fix;       // what to write instead
  std::string line;      // the source line as it stands, without its end; empty when there is none
  int width = 1;         // characters to underline from position.column on
};

struct LoadRequest {
  std::vector<std::string> sources;  // absolute; files, or folders whose *.yaml and *.yml are read (not recursively)
  bool sources_may_be_missing = false;  // they are the usual ones, and nobody has named them
  std::string overrides;             // absolute; a file that may be missing; empty: none
  std::string home;                  // what ~ stands for
  std::string user;                  // the user name where nothing else says one
  std::function<std::optional<std::string>(const std::string&)> env;  // looks up ${NAME}
};

struct LoadResult {
  Catalog catalog;  // holds every profile without an error of its own, even when findings is not empty
  std::set<std::string> left_out;  // profiles that are defined, but not in the catalog: something is wrong
  std::vector<Finding> findings;  // ordered by file, line, column
  std::map<std::string, std::string> variables;  // every ${NAME} that was looked up and set, with its value
  std::vector<std::string> files;                // every file read, absolute
  bool has_errors() const;
};

// Reads and resolves everything that the request names. Never throws; a source that cannot be read is a finding.
LoadResult load(const LoadRequest& request);

// "file:line:col: error: message", the source line, a caret line, "fix: ...": lines each ended by '\n'.
std::string render_finding(const Finding& finding);

}  // namespace tunneld::config
