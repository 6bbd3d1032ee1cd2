// What may be a secret by its text alone, and asterisks for it. What a file's tree and lines tell of it: secrets.h.
#pragma once

#include <set>
#include <string>
#include <string_view>

namespace tunneld::config {

// `password` and its like, also as the end of a longer key: `db-password`.
bool is_secret_key(std::string_view key);
// What may hold a secret instead of the name of one, too. Who writes `password_from: hunter2` meant `password`.
bool is_hidden_key(std::string_view key);
// `secrets`, in any spelling.
bool is_secrets(std::string_view key);
// One of the two.
bool is_above_secrets(std::string_view key);
// A value that is a secret whatever its key: a private key, or user:password@host with a password that `hide_userinfo`
// would take for several words.
bool is_secret_text(std::string_view text);
// A key that is_above_secrets() stands in the line, with ':' or, as in other formats, '='.
bool holds_secret_key(std::string_view line);
bool holds_key(std::string_view line);

// Puts `***` for whatever stands in backticks and is one of `quoted`. A word may hold backticks itself.
void hide_quoted(std::string& text, const std::set<std::string>& quoted);
// "root:hunter2@host" to "root:*******@host". A password may hold '@', ':' and '/' itself.
void hide_userinfo(std::string& text);
// Puts asterisks for the anchors and tags in a line that holds a secret: `db: !hunter2` was meant as text.
void hide_properties(std::string& line);
// By the text alone, for what is a comment or no YAML. A quoted value is masked to its closing quote, any other to the
// line's end, but for one that the tree knew.
std::string masked(std::string_view line, bool broken);

}  // namespace tunneld::config
