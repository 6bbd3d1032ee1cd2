// The few looks at the file system that loading takes. Nothing is written.
#pragma once

#include <string>
#include <vector>

#include "core/result.h"

namespace tunneld::config {

struct FileText {
  std::string text;
  std::string identity;  // equal for two names of one file
};

// A regular file of at most kMaxFileBytes; anything else is refused without being read (a pipe would hang).
Result<FileText> read_text(const std::string& path);

bool is_folder(const std::string& path);
bool exists(const std::string& path);

// *.yaml and *.yml of a folder, sorted, not recursively.
Result<std::vector<std::string>> profile_files(const std::string& folder);

// glob(7) of `pattern` as seen from `folder`, sorted. Characters of `folder` mean themselves. An error when it would look at
// more than 10,000 entries of folders.
Result<std::vector<std::string>> glob_files(const std::string& folder, const std::string& pattern);

// The path without . and .. and doubled slashes.
std::string normal(const std::string& path);

}  // namespace tunneld::config
