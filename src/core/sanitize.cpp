#include "core/sanitize.h"

#include <cstddef>

namespace tunneld {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD

struct Decoded {
  char32_t code_point = 0;
  std::size_t length = 0;  // 0: no character starts here
};

// RFC 3629: overlong forms, surrogates and what is past U+10FFFF are not UTF-8.
Decoded decode(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return {first, 1};
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return {};
  char32_t code_point = first & (0x7fU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0U) != 0x80U) return {};
    code_point = (code_point << 6U) | (byte(i) & 0x3fU);
  }
  constexpr char32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code_point >= 0xd800 && code_point <= 0xdfff;
  if (code_point < kSmallest[length] || surrogate || code_point > 0x10ffff) return {};
  return {code_point, length};
}

bool is_dropped(char32_t c) {
  const bool control = c < 0x20 || (c >= 0x7f && c <= 0x9f);
  const bool reorders = (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
  const bool separates_lines = c == 0x2028 || c == 0x2029;
  return control || reorders || separates_lines;
}

std::string clean(std::string_view text, bool keep_newlines) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const Decoded next = decode(text);
    if (next.length == 0) {
      // A lone C1 byte is a control character to an 8-bit terminal: dropped like its UTF-8 form.
      if (const auto byte = static_cast<unsigned char>(text[0]); byte > 0x9f) result += kReplacement;
      text.remove_prefix(1);
      continue;
    }
    if (next.code_point == '\n' && keep_newlines)
      result += '\n';
    else if (next.code_point == '\t')
      result += ' ';
    else if (!is_dropped(next.code_point))
      result += text.substr(0, next.length);
    text.remove_prefix(next.length);
  }
  return result;
}

}  // namespace

std::string sanitize(std::string_view text) {
  return clean(text, false);
}
std::string sanitize_lines(std::string_view text) {
  return clean(text, true);
}

}  // namespace tunneld
