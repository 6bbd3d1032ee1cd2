#include "cli/arguments.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace tunneld::cli {
namespace {

// Options of tunneld itself and of `exec` whose value may be the next word.
constexpr std::array<std::string_view, 5> kWithValue = {"--profiles", "--color", "--progress", "--wait",
                                                        "--port"};

// The index of the first word from `start` on that is no option and no option's value.
std::size_t next_plain_word(const std::vector<std::string>& words, std::size_t start) {
  std::size_t i = start;
  while (i < words.size() && words[i].starts_with('-') && words[i] != "--")
    i += std::find(kWithValue.begin(), kWithValue.end(), words[i]) != kWithValue.end() ? 2 : 1;
  return std::min(i, words.size());
}

}  // namespace

std::string verb_of(const std::vector<std::string>& words) {
  const std::size_t verb = next_plain_word(words, 0);
  return verb < words.size() ? words[verb] : "";
}

Arguments split_arguments(const std::vector<std::string>& words) {
  const std::size_t verb = next_plain_word(words, 0);
  if (verb == words.size() || words[verb] != "exec") return {.ours = words, .command = {}};
  const std::size_t name = next_plain_word(words, verb + 1);
  if (name == words.size() || words[name] == "--") return {.ours = words, .command = {}};
  std::size_t command = next_plain_word(words, name + 1);
  Arguments arguments{.ours = {words.begin(), words.begin() + static_cast<std::ptrdiff_t>(command)},
                      .command = {}};
  if (command < words.size() && words[command] == "--") ++command;
  arguments.command.assign(words.begin() + static_cast<std::ptrdiff_t>(command), words.end());
  return arguments;
}

}  // namespace tunneld::cli
