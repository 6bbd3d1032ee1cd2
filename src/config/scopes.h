// Which file's defaults hold for what: a file's own, then those of the files that include it, nearest first.
#pragma once

#include <cstddef>
#include <map>
#include <utility>
#include <vector>

#include "config/definitions.h"

namespace tunneld::config {

class Scopes {
 public:
  // The files outlive this.
  explicit Scopes(const std::vector<FileDefinition>& files);

  std::size_t file_of(const Spot& spot) const { return by_source_.at(spot.source); }

  // Defaults for something of `file` that a profile of `user` uses: overrides' defaults, the file's own, then
  // those of its includers, of which only the ones on the way from `user` count when there is such a way.
  const std::vector<const DefaultsDefinition*>& defaults(std::size_t file, std::size_t user);

  // False when the file, one that it includes, one that includes it or an overrides file has a fault that
  // could change what its profiles mean.
  bool sound(std::size_t file);

  // Some file's content is not known in whole: a name that is not defined may be defined there.
  bool some_failed() const { return some_failed_; }

 private:
  using Links = std::vector<std::size_t> FileDefinition::*;
  struct Reached {
    std::vector<std::size_t> files;  // nearest first
    std::vector<bool> holds;         // by file
  };
  const Reached& reachable(std::size_t from, Links links);

  const std::vector<FileDefinition>& files_;
  std::map<const Source*, std::size_t> by_source_;
  std::map<std::pair<std::size_t, std::size_t>, std::vector<const DefaultsDefinition*>> defaults_;
  std::map<std::size_t, bool> sound_;
  std::map<std::size_t, Reached> above_;  // that include a file, and
  std::map<std::size_t, Reached> below_;  // that it includes
  bool some_failed_ = false;
};

}  // namespace tunneld::config
