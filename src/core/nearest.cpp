#include "core/nearest.h"

#include <algorithm>
#include <array>
#include <numeric>

namespace tunneld {
namespace {

constexpr std::size_t kMaxWordBytes = 64;
constexpr std::size_t kMaxCandidates = 2'000;

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return result;
}

}  // namespace

std::size_t edit_distance(std::string_view left, std::string_view right) {
  if (left.size() > kMaxWordBytes || right.size() > kMaxWordBytes) return std::max(left.size(), right.size());
  using Row = std::array<std::size_t, kMaxWordBytes + 1>;
  Row before{};  // row i - 2, for swaps
  Row last{};    // row i - 1
  Row current{};
  std::iota(last.begin(), last.end(), std::size_t{0});
  for (std::size_t i = 1; i <= left.size(); ++i) {
    current[0] = i;
    for (std::size_t j = 1; j <= right.size(); ++j) {
      const std::size_t replaced = last[j - 1] + (left[i - 1] == right[j - 1] ? 0 : 1);
      current[j] = std::min({last[j] + 1, current[j - 1] + 1, replaced});
      const bool swapped = i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1];
      if (swapped) current[j] = std::min(current[j], before[j - 2] + 1);
    }
    before = last;
    last = current;
  }
  return last[right.size()];
}

std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& candidates) {
  const std::string wanted = lower(word);
  const std::size_t limit = std::max<std::size_t>(1, wanted.size() / 3);
  std::size_t best = limit + 1;
  const std::string* found = nullptr;
  for (std::size_t i = 0; i < std::min(candidates.size(), kMaxCandidates); ++i) {
    const std::string candidate = lower(candidates[i]);
    const std::size_t longer = std::max(candidate.size(), wanted.size());
    if (longer - std::min(candidate.size(), wanted.size()) >= best) continue;
    const std::size_t distance = edit_distance(wanted, candidate);
    if (distance >= best || distance >= longer) continue;
    best = distance;
    found = &candidates[i];
  }
  if (found == nullptr) return std::nullopt;
  return *found;
}

}  // namespace tunneld
