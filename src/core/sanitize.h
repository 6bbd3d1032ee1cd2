// Text from servers and peers, made harmless before it reaches a terminal or a log.
#pragma once

#include <string>
#include <string_view>

namespace tunneld {

// Takes the control characters out: C0 with ESC, DEL, C1 (as UTF-8 or as a lone byte), and the invisible
// characters that reorder what a reader sees (U+202A..U+202E, U+2066..U+2069). A tab becomes a space. What is
// not UTF-8 becomes U+FFFD, one for each byte that starts no character. The result is valid UTF-8 on one
// line.
std::string sanitize(std::string_view text);

// The same, keeping '\n': for text of several lines, such as a prompt.
std::string sanitize_lines(std::string_view text);

}  // namespace tunneld
