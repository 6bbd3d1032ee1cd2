// One known_hosts file on disk: read when first asked for and again whenever it changed.
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <optional>
#include <string>

#include "trust/known_hosts.h"

namespace tunneld::trust {

// About 60,000 hashed lines. What is larger is not a known_hosts file, and would hold up the loop.
inline constexpr std::size_t kMaxKnownHostsBytes = 8 * 1024 * 1024;

class KnownHostsFile {
 public:
  explicit KnownHostsFile(std::string path) : path_(std::move(path)) {}

  // Looks at the file (one stat) and parses it anew when device, inode, size or a time stamp changed. A file
  // that is missing is empty.
  void refresh();

  const std::string& path() const { return path_; }
  const KnownHosts& hosts() const { return hosts_; }
  // One line: why the file counts as empty although it is there (not readable, not a file, too large); else
  // empty.
  const std::string& problem() const { return problem_; }

 private:
  struct Stamp {
    dev_t device;
    ino_t inode;
    off_t size;
    timespec modified;
    timespec changed;
    bool operator==(const Stamp& other) const;
  };
  static Stamp stamp_of(const struct stat& status);
  void load();

  std::string path_;
  KnownHosts hosts_;
  std::string problem_;
  std::optional<Stamp> stamp_;  // of what hosts_ was read from; empty: the file is to be read
};

// The text of an open regular file, or why it cannot be had: errno's words, or that it is over `max_bytes`.
struct FileText {
  std::string text;
  std::string problem;
};
FileText read_text(int fd, std::size_t max_bytes);

}  // namespace tunneld::trust
