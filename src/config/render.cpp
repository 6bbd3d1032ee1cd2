// A finding as compilers show theirs.
#include <algorithm>
#include <array>
#include <string_view>

#include "config/loader.h"
#include "config/source.h"
#include "core/sanitize.h"

namespace tunneld::config {
namespace {

constexpr int kShownBefore = 80;  // characters of a long line kept on either side of the caret
constexpr int kShownAfter = 80;

struct Character {
  std::string_view bytes;
  char32_t code = 0;
};

std::vector<Character> characters(std::string_view text) {
  std::vector<Character> result;
  for (std::size_t i = 0; i < text.size();) {
    const auto first = static_cast<unsigned char>(text[i]);
    const std::size_t size = std::min<std::size_t>(first < 0xC0   ? 1
                                                   : first < 0xE0 ? 2
                                                   : first < 0xF0 ? 3
                                                                  : 4,
                                                   text.size() - i);
    char32_t code = size == 1 ? first : first & (0x7FU >> size);
    for (std::size_t k = 1; k < size; ++k)
      code = (code << 6) | (static_cast<unsigned char>(text[i + k]) & 0x3FU);
    result.push_back({text.substr(i, size), code});
    i += size;
  }
  return result;
}

// Columns on a terminal: 0 for marks that combine with the character before and for those that show nothing,
// 2 for the East Asian wide ones and emoji (Unicode Standard Annex 11, by blocks).
int columns(char32_t code) {
  struct Range {
    char32_t first;
    char32_t last;
  };
  constexpr std::array kNone = std::to_array<Range>({{0x0300, 0x036F},
                                                     {0x0483, 0x0489},
                                                     {0x0591, 0x05BD},
                                                     {0x0610, 0x061A},
                                                     {0x064B, 0x065F},
                                                     {0x1AB0, 0x1AFF},
                                                     {0x1DC0, 0x1DFF},
                                                     {0x200B, 0x200F},
                                                     {0x20D0, 0x20FF},
                                                     {0xFE00, 0xFE0F},
                                                     {0xFE20, 0xFE2F}});
  constexpr std::array kTwo = std::to_array<Range>({{0x1100, 0x115F},
                                                    {0x2E80, 0x303E},
                                                    {0x3041, 0xA4CF},
                                                    {0xA960, 0xA97F},
                                                    {0xAC00, 0xD7A3},
                                                    {0xF900, 0xFAFF},
                                                    {0xFE30, 0xFE6F},
                                                    {0xFF00, 0xFF60},
                                                    {0xFFE0, 0xFFE6},
                                                    {0x1F300, 0x1F64F},
                                                    {0x1F680, 0x1F6FF},
                                                    {0x1F900, 0x1FAFF},
                                                    {0x20000, 0x3FFFD}});
  const auto in = [code](const Range& range) { return code >= range.first && code <= range.last; };
  if (std::any_of(kNone.begin(), kNone.end(), in)) return 0;
  return std::any_of(kTwo.begin(), kTwo.end(), in) ? 2 : 1;
}

// The source line and the caret's line; tabs stay tabs in both, so that they stand equally far.
std::string render_line(const Finding& finding) {
  const std::vector<Character> line = characters(finding.line);
  const int length = static_cast<int>(line.size());
  const int caret = std::clamp(finding.position.column - 1, 0, length);
  const int begin =
      caret - kShownBefore > 10 ? caret - kShownBefore : 0;  // cutting off a few is not worth the dots
  const int end = std::min(length, std::max(caret + kShownAfter, caret + 1));
  const int underlined_end =
      std::clamp(caret + std::max(finding.width, 1), caret + 1, std::max(end, caret + 1));
  std::string text = begin > 0 ? "..." : "";
  std::string under = begin > 0 ? "   " : "";
  for (int i = begin; i < end; ++i) {
    const Character& character = line[static_cast<std::size_t>(i)];
    text += character.bytes;
    const auto width = static_cast<std::size_t>(columns(character.code));
    if (i < caret) {
      under += character.code == '\t' ? std::string("\t") : std::string(width, ' ');
    } else if (i < underlined_end) {
      const std::string mark(width, '~');
      under += i == caret ? "^" + (width > 1 ? mark.substr(1) : "") : mark;
    }
  }
  if (caret == length) under += '^';
  if (end < length) text += "...";
  return text + "\n" + under + "\n";
}

}  // namespace

std::string render_finding(const Finding& finding) {
  std::string text = sanitize(to_string(finding.position)) + ": " + (finding.warning ? "warning" : "error") +
                     ": " + sanitize(finding.message) + "\n";
  if (!finding.line.empty()) text += render_line(finding);
  if (!finding.fix.empty()) text += "fix: " + sanitize(finding.fix) + "\n";
  return text;
}

}  // namespace tunneld::config
