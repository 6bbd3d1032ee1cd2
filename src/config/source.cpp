#include "config/source.h"

#include <algorithm>
#include <utility>

namespace tunneld::config {
namespace {

// Bytes of the well-formed character at the front of `text`, 0 when it is none (RFC 3629: shortest form, no
// surrogates, at most U+10FFFF).
std::size_t character_bytes(std::string_view text) {
  const auto at = [text](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const unsigned first = at(0);
  if (first < 0x80) return 1;
  if (first < 0xC2 || first > 0xF4) return 0;
  const std::size_t bytes = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  unsigned low = 0x80;
  unsigned high = 0xBF;
  if (first == 0xE0) low = 0xA0;
  if (first == 0xED) high = 0x9F;
  if (first == 0xF0) low = 0x90;
  if (first == 0xF4) high = 0x8F;
  if (at(1) < low || at(1) > high) return 0;
  for (std::size_t i = 2; i < bytes; ++i)
    if (at(i) < 0x80 || at(i) > 0xBF) return 0;
  return bytes;
}

}  // namespace

bool is_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

std::size_t code_points(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return !is_continuation(c); }));
}

TextFault find_text_fault(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t bytes = character_bytes(text.substr(i));
    if (bytes == 0) return {i, true};
    const auto first = static_cast<unsigned char>(text[i]);
    const bool line_end = first == '\n' || (first == '\r' && i + 1 < text.size() && text[i + 1] == '\n');
    const bool c0 = first < 0x20 && first != '\t' && !line_end;
    const bool c1 = first == 0xC2 && static_cast<unsigned char>(text[i + 1]) < 0xA0;
    if (c0 || c1 || first == 0x7F) return {i, false};
    i += bytes;
  }
  return {};
}

Source::Source(std::string path, std::string text) : path_(std::move(path)), text_(std::move(text)) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text_.starts_with(kByteOrderMark)) text_.erase(0, kByteOrderMark.size());
  std::string_view rest = text_;
  while (true) {
    const std::size_t end = rest.find('\n');
    std::string_view line = rest.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines_.push_back(line);
    if (end == std::string_view::npos) return;
    rest.remove_prefix(end + 1);
  }
}

std::string_view Source::line(int number) const {
  const auto index = static_cast<std::size_t>(number) - 1;
  return number >= 1 && index < lines_.size() ? lines_[index] : std::string_view();
}

std::string_view Source::rest_of_line(int line_index, int byte_column) const {
  const std::string_view whole = line(line_index + 1);
  const auto offset = static_cast<std::size_t>(std::max(byte_column, 0));
  return offset < whole.size() ? whole.substr(offset) : std::string_view();
}

std::size_t Source::code_points_before(int number, std::size_t offset) const {
  if (counted_line_ != number) counted_bytes_ = counted_ = 0;
  counted_line_ = number;
  if (offset >= counted_bytes_)
    counted_ += code_points(line(number).substr(counted_bytes_, offset - counted_bytes_));
  else
    counted_ -= code_points(line(number).substr(offset, counted_bytes_ - offset));
  counted_bytes_ = offset;
  return counted_;
}

Place Source::place(int line_index, int byte_column, std::size_t bytes) const {
  const int last_line = static_cast<int>(lines_.size());
  const int number = std::clamp(line_index + 1, 1, last_line);
  const std::string_view whole = line(number);
  const bool past_end = line_index + 1 > last_line;
  const std::size_t offset =
      past_end ? whole.size() : std::min(static_cast<std::size_t>(std::max(byte_column, 0)), whole.size());
  const std::size_t width = code_points(whole.substr(offset, bytes));
  return {number, static_cast<int>(code_points_before(number, offset)) + 1,
          static_cast<int>(std::max<std::size_t>(width, 1))};
}

}  // namespace tunneld::config
