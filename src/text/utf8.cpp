#include "text/utf8.hpp"

#include <utf8proc.h>

#include "base/check.hpp"

namespace sparsecim {
namespace {

bool is_ascii(char byte) { return static_cast<unsigned char>(byte) < 0x80; }

bool is_continuation(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

/// Bytes of the code point that `text` begins with, or 0 if it begins with none.
std::size_t decode(std::string_view text, utf8proc_int32_t& value) {
  const auto n = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                  static_cast<utf8proc_ssize_t>(text.size()), &value);
  return n > 0 ? static_cast<std::size_t>(n) : 0;
}

}  // namespace

std::size_t valid_utf8_prefix(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    utf8proc_int32_t value;
    const std::size_t n = is_ascii(text[at]) ? 1 : decode(text.substr(at), value);
    if (n == 0) break;
    at += n;
  }
  return at;
}

CodePoint first_code_point(std::string_view text) {
  SC_CHECK(!text.empty());
  if (is_ascii(text[0])) return {static_cast<unsigned char>(text[0]), 1};
  utf8proc_int32_t value = 0;
  const std::size_t n = decode(text, value);
  SC_CHECK(n > 0);
  return {static_cast<char32_t>(value), n};
}

std::string to_utf8(char32_t code_point) {
  utf8proc_uint8_t bytes[4];
  const auto n = utf8proc_encode_char(static_cast<utf8proc_int32_t>(code_point), bytes);
  return {reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(n)};
}

bool is_white_space(char32_t c) {  // PropList.txt of the Unicode Character Database, White_Space
  return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

std::size_t leading_white_space(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    utf8proc_int32_t value;
    const std::size_t n = decode(text.substr(at), value);
    if (n == 0 || !is_white_space(static_cast<char32_t>(value))) break;
    at += n;
  }
  return at;
}

std::size_t trailing_white_space(std::string_view text) {
  std::size_t end = text.size();
  while (end > 0) {
    std::size_t start = end - 1;
    while (start > 0 && end - start < 4 && is_continuation(text[start])) --start;
    utf8proc_int32_t value;
    if (decode(text.substr(start, end - start), value) != end - start || !is_white_space(static_cast<char32_t>(value)))
      break;
    end = start;
  }
  return text.size() - end;
}

std::string_view strip_white_space(std::string_view text) {
  text.remove_prefix(leading_white_space(text));
  text.remove_suffix(trailing_white_space(text));
  return text;
}

std::string replace_all(std::string_view text, std::string_view from, std::string_view to) {
  SC_CHECK(!from.empty());
  std::string replaced;
  replaced.reserve(text.size());
  std::size_t at = 0;
  for (auto found = text.find(from); found != std::string_view::npos; found = text.find(from, at)) {
    replaced.append(text, at, found - at).append(to);
    at = found + from.size();
  }
  return replaced.append(text, at);
}

}  // namespace sparsecim
