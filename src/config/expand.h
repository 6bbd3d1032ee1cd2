// ${NAME}, ${NAME:-default} and ~ in the few values that may hold them.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "config/loader.h"
#include "config/report.h"

namespace tunneld::config {

class Expander {
 public:
  explicit Expander(const LoadRequest& request) : request_(request) {}

  // Replaces every ${...}. As in a shell, `:-` also stands in for a variable that is empty. Nothing, after a
  // finding, when a variable without a default is not set or the text is malformed; `$NAME` without braces is
  // malformed too.
  std::optional<std::string> variables(const std::string& text, const Spot& spot, Report& report);
  // Variables, then a leading ~ or ~/. The result is absolute and holds no control character, else nothing.
  std::optional<std::string> path(const std::string& text, const Spot& spot, Report& report);

  // Every variable that was looked up and set.
  const std::map<std::string, std::string>& used() const { return used_; }

 private:
  std::optional<std::string> variable(std::string_view inside, const Spot& spot, Report& report);

  const LoadRequest& request_;
  std::map<std::string, std::string> used_;
};

}  // namespace tunneld::config
