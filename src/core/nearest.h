// The name that a person most likely meant: for "did you mean" in findings and errors.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tunneld {

// Edits that turn one word into the other: insert, delete, replace or swap two neighbours (the restricted
// Damerau-Levenshtein distance), counted in bytes. Words over 64 bytes are never near: returns their length.
std::size_t edit_distance(std::string_view left, std::string_view right);

// The candidate with the fewest edits, the first of equals; nothing when the best still needs more than a
// third of the word's letters (at least one) changed. Letters' case does not count. At most the first 2,000
// candidates are looked at, so that a hostile file cannot buy much time.
std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace tunneld
