// Which files a request names, and their text to definitions: folders, includes, cycles, limits.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/definitions.h"
#include "config/expand.h"
#include "config/loader.h"
#include "config/report.h"

namespace tunneld::config {

constexpr std::size_t kMaxFiles = 256;  // a folder with more is not one of profiles

class FileSet {
 public:
  FileSet(const LoadRequest& request, Report& report, Expander& expander)
      : request_(request), report_(report), expander_(expander) {}
  FileSet(const FileSet&) = delete;
  FileSet& operator=(const FileSet&) = delete;

  // Reads everything that the request names, each file once.
  void read();

  const std::vector<FileDefinition>& files() const { return files_; }
  const std::vector<std::string>& paths() const { return paths_; }  // of every file read, in order
  // A file or folder that the request names cannot be read: there may be hosts that nobody knows of.
  bool source_missing() const { return source_missing_; }

 private:
  void read_source(const std::string& path);
  void read_overrides();
  // The file's index; nothing, after a finding, when it cannot be read. Without an origin the request named
  // it.
  std::optional<std::size_t> read_file(const std::string& path, bool overrides, const Spot* origin);
  void read_includes(std::size_t index);
  void include(std::size_t index, const std::string& path, const Spot& origin);
  void refuse(const std::string& path, const Spot* origin, const std::string& why, const std::string& fix);

  const LoadRequest& request_;
  Report& report_;
  Expander& expander_;
  std::deque<Source> sources_;
  std::vector<FileDefinition> files_;
  std::vector<std::string> paths_;
  std::map<std::string, std::size_t> by_identity_;  // by device and inode
  std::vector<std::size_t> open_;                   // the includes we are inside of
  bool source_missing_ = false;
  bool too_many_ = false;  // and it has been said
};

}  // namespace tunneld::config
