// Collects findings while files are read and resolved.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "config/loader.h"
#include "config/secrets.h"
#include "config/source.h"

namespace tunneld::config {

class Report {
 public:
  void error(const Spot& spot, std::string message, std::string fix,
             ErrorCode code = ErrorCode::profile_invalid);
  void warning(const Spot& spot, std::string message, std::string fix);
  // `what` names the key or value ("`pools`") whose function this version lacks.
  void not_built(const Spot& spot, const std::string& what, std::string fix);
  // A file that could not be read, so that there is no line to show.
  void file_error(const std::string& path, std::string message, std::string fix);

  // Every error so far, shown or not: whoever reads a piece compares before and after to know whether it is
  // sound.
  std::size_t error_count() const { return errors_; }
  // So many findings that further ones are only counted: costly hints can be left away.
  bool full() const;
  // Ordered by file, line, column; each once, though an alias may have led to it several times.
  std::vector<Finding> take();
  // What no finding may show.
  Secrets& secrets() { return secrets_; }

 private:
  void add(const Spot& spot, Finding finding);

  std::vector<Finding> findings_;
  std::size_t errors_ = 0;
  Secrets secrets_;
};

// The word in backticks, on one line and at most 60 characters long, fit for a message.
std::string in_quotes(std::string_view word);

SourcePosition position_of(const Spot& spot);

}  // namespace tunneld::config
