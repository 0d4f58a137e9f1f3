// UTF-8: our view of it, against a decoder written from the table of well-formed sequences (Unicode 15, table 3-7).

#include "text/utf8.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "targets.hpp"

namespace sparsecim::fuzz {
namespace {

unsigned byte_at(std::string_view text, std::size_t at) {
  return at < text.size() ? static_cast<unsigned char>(text[at]) : 0;
}
bool between(unsigned value, unsigned low, unsigned high) { return value >= low && value <= high; }

/// Bytes of the well-formed sequence at the beginning of `text`; 0: there is none.
std::size_t well_formed(std::string_view text) {
  const unsigned a = byte_at(text, 0), b = byte_at(text, 1);
  const bool c = between(byte_at(text, 2), 0x80, 0xBF), d = between(byte_at(text, 3), 0x80, 0xBF);
  if (a < 0x80) return text.empty() ? 0 : 1;
  if (between(a, 0xC2, 0xDF)) return between(b, 0x80, 0xBF) ? 2 : 0;
  if (between(a, 0xE0, 0xEF)) return between(b, a == 0xE0 ? 0xA0 : 0x80, a == 0xED ? 0x9F : 0xBF) && c ? 3 : 0;
  if (between(a, 0xF0, 0xF4)) return between(b, a == 0xF0 ? 0x90 : 0x80, a == 0xF4 ? 0x8F : 0xBF) && c && d ? 4 : 0;
  return 0;
}

}  // namespace

void utf8(std::string_view input) {
  std::size_t valid = 0;
  while (const std::size_t bytes = well_formed(input.substr(valid))) {
    const CodePoint first = first_code_point(input.substr(valid));
    SC_CHECK(first.bytes == bytes && to_utf8(first.value) == input.substr(valid, bytes));
    valid += bytes;
  }
  SC_CHECK(valid_utf8_prefix(input) == valid);
  const std::string_view stripped = strip_white_space(input);
  SC_CHECK(leading_white_space(stripped) == 0 && trailing_white_space(stripped) == 0);
  const std::string replaced = replace_all(input, "a", "bb");
  SC_CHECK(replaced.size() == input.size() + static_cast<std::size_t>(std::ranges::count(input, 'a')));
  SC_CHECK(replaced.find('a') == std::string::npos);
}

}  // namespace sparsecim::fuzz
