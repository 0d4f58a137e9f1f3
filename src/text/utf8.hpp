#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sparsecim {

/// Bytes of the longest prefix of `text` that is valid UTF-8 (Unicode 15, section 3.9: no surrogates, no overlong
/// forms).
std::size_t valid_utf8_prefix(std::string_view text);

struct CodePoint {
  char32_t value;
  std::size_t bytes;  // that it takes
};
/// REQUIRES: `text` is not empty and begins with valid UTF-8.
CodePoint first_code_point(std::string_view text);
std::string to_utf8(char32_t code_point);

/// Unicode's White_Space property.
bool is_white_space(char32_t code_point);
/// A letter, mark, decimal digit, connector or joiner: `\w` of Rust's `regex` (Unicode Technical Standard 18, annex C).
bool is_word_character(char32_t code_point);
bool begins_with_word(std::string_view text);
bool ends_with_word(std::string_view text);
/// Bytes of white space at the beginning and at the end.
std::size_t leading_white_space(std::string_view text);
std::size_t trailing_white_space(std::string_view text);
/// Without white space at both ends.
std::string_view strip_white_space(std::string_view text);

/// Unicode's normal form C (Unicode Standard Annex 15). REQUIRES: `text` is valid UTF-8. O(n log n).
std::string to_nfc(std::string_view text);

/// `text` with every `from` replaced by `to`. REQUIRES: `from` is not empty.
std::string replace_all(std::string_view text, std::string_view from, std::string_view to);

}  // namespace sparsecim
