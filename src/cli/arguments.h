// The words of the command line before the parser sees them. Pure functions.
#pragma once

#include <string>
#include <vector>

namespace tunneld::cli {

struct Arguments {
  std::vector<std::string> ours;     // for the parser, without the program's name
  std::vector<std::string> command;  // exec's CMD and its arguments, untouched
};

// `exec NAME [--] CMD...`: CMD's own options must not be taken for ours, with or without "--". CMD is the
// first word after NAME that is no option, or whatever follows "--" after NAME.
Arguments split_arguments(const std::vector<std::string>& words);

// The first word that is neither an option nor an option's value: the verb; empty when there is none.
std::string verb_of(const std::vector<std::string>& words);

}  // namespace tunneld::cli
