// Every name that the files define, and the mistakes in them: defined twice, referred to but not defined.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "config/definitions.h"
#include "config/report.h"

namespace tunneld::config {

// The definition of a name by the files, and what overrides.yaml says of it. At least one is not null.
template <typename T>
struct Defined {
  const T* base = nullptr;
  const T* override = nullptr;
  const T* first = nullptr;  // the base if there is one
  bool twice = false;        // which definition is meant is not known

  const T& any() const { return *first; }
  bool bad() const {
    return twice || (base != nullptr && base->bad) || (override != nullptr && override->bad);
  }
};

struct Names {
  std::map<std::string, Defined<HostDefinition>> hosts;
  std::map<std::string, Defined<ProfileDefinition>> profiles;
  std::map<std::string, Defined<NameList>> groups;
  std::map<std::string, Defined<NameList>> pools;
};

// Collects the names; reports those defined twice and references to undefined secrets, hosts, host tags and
// profiles.
Names collect_names(const std::vector<FileDefinition>& files, Report& report);

// " did you mean `x`?" as a fix, else `otherwise`.
std::string nearest_fix(const std::string& name, const std::vector<std::string>& known, const Report& report,
                        const std::string& otherwise);

template <typename T>
std::vector<std::string> keys_of(const std::map<std::string, T>& map) {
  std::vector<std::string> keys;
  keys.reserve(map.size());
  for (const auto& [key, value] : map) keys.push_back(key);
  return keys;
}

}  // namespace tunneld::config
