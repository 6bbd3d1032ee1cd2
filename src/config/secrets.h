// What people wrongly write into profile files: secrets. A finding is printed, and logged by CI: they must not go
// along.
#pragma once

#include <cstddef>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "config/loader.h"
#include "config/source.h"

namespace tunneld::config {

struct Node;

class Secrets {
 public:
  // Everything under the file's `secrets:`, and under any key that is named like a secret.
  void collect(const Node& root);
  // By the text alone: what stands below such a key and is not indented, and no key; of a file that is no YAML
  // (`broken`), so that not all of it can be collected, also what is indented.
  void read_lines(const Source& source, bool broken);
  // It broke off below this key: what follows may be secret.
  void broken_below(const Spot& key);
  // Puts asterisks for it, and for the password of anything like user:password@host.
  void hide(Finding& finding) const;

 private:
  struct InLine {
    std::vector<std::pair<std::size_t, std::size_t>> places = {};  // column and width
    std::set<std::string> quoted = {};                             // as messages quote them
    bool holds_secret = false;
  };
  struct InFile {
    std::map<int, InLine> lines = {};
    std::set<int> hidden = {};  // lines that are not shown
    int hidden_from = std::numeric_limits<int>::max();
    bool broken = false;
  };
  enum class Under { nothing, secrets, secret };  // `secrets:`, whose keys may be shown, or `password:`
  using Seen = std::set<std::pair<const Node*, Under>>;
  void collect(const Node& node, Under under, InFile& file, Seen& seen);
  void hide_words(Finding& finding, const InFile& file) const;

  std::map<std::string, InFile> files_;
};

}  // namespace tunneld::config
