#include "text/byte_alphabet.hpp"

#include <array>

#include "text/utf8.hpp"

namespace sparsecim {
namespace {

constexpr char32_t kHighest = 0x100 + 0x21 + 0x22 + 1;  // the control characters, 0x7F .. 0xA0, and 0xAD

struct Alphabet {
  std::array<std::string, 256> character;
  std::array<int, kHighest> byte;

  Alphabet() {
    byte.fill(-1);
    char32_t next = 0x100;
    for (int value = 0; value < 256; ++value) {
      const bool prints = (value >= 0x21 && value <= 0x7E) || (value >= 0xA1 && value <= 0xFF && value != 0xAD);
      const char32_t code_point = prints ? static_cast<char32_t>(value) : next++;
      character[static_cast<std::size_t>(value)] = to_utf8(code_point);
      byte[code_point] = value;
    }
  }
};

const Alphabet& alphabet() {
  static const Alphabet instance;
  return instance;
}

}  // namespace

const std::string& printable_byte(unsigned char byte) { return alphabet().character[byte]; }

std::optional<std::string> bytes_of_printable(std::string_view token) {
  if (valid_utf8_prefix(token) != token.size()) return {};
  std::string bytes;
  while (!token.empty()) {
    const CodePoint next = first_code_point(token);
    if (next.value >= kHighest || alphabet().byte[next.value] < 0) return {};
    bytes += static_cast<char>(alphabet().byte[next.value]);
    token.remove_prefix(next.bytes);
  }
  return bytes;
}

}  // namespace sparsecim
