#include "text/utf8.hpp"

#include <utf8proc.h>

#include <algorithm>
#include <vector>

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

/// Where the last code point of `text`, which is not empty, begins, if it is one.
std::size_t last_code_point(std::string_view text) {
  std::size_t start = text.size() - 1;
  while (start > 0 && text.size() - start < 4 && is_continuation(text[start])) --start;
  return start;
}

using CodePoints = std::vector<utf8proc_int32_t>;

utf8proc_propval_t combining_class(utf8proc_int32_t code_point) {
  return utf8proc_get_property(code_point)->combining_class;
}

/// Canonical decompositions, one behind the other.
CodePoints decompose(std::string_view text) {
  constexpr auto kOptions = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE);
  CodePoints decomposed;
  decomposed.reserve(text.size());
  while (!text.empty()) {
    const CodePoint next = first_code_point(text);
    utf8proc_int32_t parts[8];  // Unicode's longest canonical decomposition has 4
    int boundary = 0;           // of grapheme clusters, which nothing here asks for
    const auto n = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(next.value), parts, std::size(parts), kOptions,
                                           &boundary);
    SC_CHECK(n > 0 && n <= static_cast<utf8proc_ssize_t>(std::size(parts)));
    decomposed.insert(decomposed.end(), parts, parts + n);
    text.remove_prefix(next.bytes);
  }
  return decomposed;
}

/// Sorts each run of marks by its class. utf8proc's own ordering takes the square of a run's length.
void order_marks(CodePoints& text) {
  for (auto at = text.begin(); at != text.end();) {
    at = std::find_if(at, text.end(), combining_class);
    const auto end = std::find_if_not(at, text.end(), combining_class);
    std::stable_sort(at, end, [](auto a, auto b) { return combining_class(a) < combining_class(b); });
    at = end;
  }
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

bool is_word_character(char32_t c) {
  const bool circled_letter = (c >= 0x24B6 && c <= 0x24E9) || (c >= 0x1F130 && c <= 0x1F149) ||
                              (c >= 0x1F150 && c <= 0x1F169) || (c >= 0x1F170 && c <= 0x1F189);
  if (circled_letter || c == 0x200C || c == 0x200D) return true;
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_PC:
      return true;
    default:
      return false;
  }
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
    const std::size_t start = last_code_point(text.substr(0, end));
    utf8proc_int32_t value;
    if (decode(text.substr(start, end - start), value) != end - start || !is_white_space(static_cast<char32_t>(value)))
      break;
    end = start;
  }
  return text.size() - end;
}

bool begins_with_word(std::string_view text) {
  utf8proc_int32_t value;
  return decode(text, value) > 0 && is_word_character(static_cast<char32_t>(value));
}

bool ends_with_word(std::string_view text) {
  if (text.empty()) return false;
  const std::string_view last = text.substr(last_code_point(text));
  utf8proc_int32_t value;
  return decode(last, value) == last.size() && is_word_character(static_cast<char32_t>(value));
}

std::string_view strip_white_space(std::string_view text) {
  text.remove_prefix(leading_white_space(text));
  text.remove_suffix(trailing_white_space(text));
  return text;
}

std::string to_nfc(std::string_view text) {
  constexpr unsigned char kFirstByteOfMarks = 0xCC;  // U+0300; a text of what lies below is in normal form C
  const auto below_marks = [](char byte) { return static_cast<unsigned char>(byte) < kFirstByteOfMarks; };
  if (std::all_of(text.begin(), text.end(), below_marks)) return std::string(text);
  CodePoints points = decompose(text);
  order_marks(points);
  const auto n = utf8proc_normalize_utf32(points.data(), static_cast<utf8proc_ssize_t>(points.size()),
                                          static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  SC_CHECK(n >= 0);
  std::string composed;
  composed.reserve(text.size());
  for (utf8proc_ssize_t i = 0; i < n; ++i)
    composed += to_utf8(static_cast<char32_t>(points[static_cast<std::size_t>(i)]));
  return composed;
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
