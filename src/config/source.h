// One profile file as text: its bytes, its lines, and places in it that count as people and editors count.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tunneld::config {

constexpr std::size_t kMaxFileBytes = 1
                                      << 20;  // profile-format: 1 MiB; a team's whole vault is a tenth of it

// Lines and columns count from 1, columns and widths count code points.
struct Place {
  int line = 1;
  int column = 1;
  int width = 1;
};

class Source {
 public:
  // `text` must be valid UTF-8; a byte order mark at its begin is dropped.
  Source(std::string path, std::string text);
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  const std::string& path() const { return path_; }
  const std::string& text() const { return text_; }
  // Line `number` without its end; empty when there is none.
  std::string_view line(int number) const;
  int line_count() const { return static_cast<int>(lines_.size()); }
  // The rest of a line from a byte on (both counted from 0, as yaml-cpp's marks do); empty when there is
  // none.
  std::string_view rest_of_line(int line, int byte_column) const;
  // Where a byte of a line stands, underlined for `bytes` bytes, but not past the line's end.
  Place place(int line, int byte_column, std::size_t bytes) const;

 private:
  std::size_t code_points_before(int number, std::size_t offset) const;

  std::string path_;
  std::string text_;
  std::vector<std::string_view> lines_;
  // The last place that was asked for: the next one is near, as a rule, and the line may be the whole file.
  mutable int counted_line_ = 0;
  mutable std::size_t counted_bytes_ = 0;
  mutable std::size_t counted_ = 0;
};

// A place of a file. The source outlives it.
struct Spot {
  const Source* source = nullptr;
  Place place;
};

// A longer line is not shown.
constexpr std::size_t kMaxLineBytes = 4'096;

// The byte is not the first of its character.
bool is_continuation(char c);
std::size_t code_points(std::string_view text);

// Offset of the first byte that is not UTF-8 (RFC 3629) or that begins a character YAML does not allow (C0
// but tab and line ends, DEL, C1); npos when there is none.
struct TextFault {
  std::size_t offset = std::string_view::npos;
  bool encoding = false;  // not UTF-8; else a control character
};
TextFault find_text_fault(std::string_view text);

}  // namespace tunneld::config
