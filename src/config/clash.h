// Finds listeners that cannot both be bound.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>

#include "config/report.h"
#include "config/source.h"
#include "core/endpoint.h"

namespace tunneld::config {

struct Listener {
  std::string profile;
  std::string forward;
  Spot spot;
};

class ClashIndex {
 public:
  // An earlier listener that takes the same address, if there is one. The listener is added in any case.
  std::optional<Listener> add(const Endpoint& listen, const Listener& listener);

 private:
  struct Scope {
    std::optional<Listener> first;
    std::optional<Listener> every_address;
    std::unordered_map<std::string, Listener> exact;
  };
  std::unordered_map<std::string, Scope> scopes_;
};

}  // namespace tunneld::config
