// What people wrongly write into profile files: secrets. A finding is printed, and logged by CI: they must not go
// along.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>

#include "config/loader.h"

namespace tunneld::config {

struct Node;

bool is_secret_key(std::string_view key);

class Secrets {
 public:
  // Everything under the file's `secrets:`, and under any key that is named like a secret.
  void collect(const Node& root);
  // Puts asterisks for it, and for the password of anything like user:password@host.
  void hide(Finding& finding) const;

 private:
  using Words = std::set<std::string>;
  using InFile = std::map<int, Words>;  // by line
  enum class Keys { names, secret };    // what the keys of a map are
  void collect_under(const Node& node, Keys keys, InFile& file, std::set<const Node*>& seen);
  void hide_words(Finding& finding) const;
  void look_for(const Node& node, bool top, InFile& file, std::set<const Node*>& seen);

  std::map<std::string, InFile> files_;
};

}  // namespace tunneld::config
