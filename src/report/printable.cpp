#include "report/printable.hpp"

#include <utf8proc.h>

#include <algorithm>

namespace sparsecim::report {
namespace {

constexpr Glyph kReplacement = {"\uFFFD", 1};

bool shown(utf8proc_int32_t code) {
  switch (utf8proc_category(code)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
      return false;
    default:
      return (code & 0xFFFE) != 0xFFFE;  // the last two of every plane are no characters
  }
}

}  // namespace

std::vector<Glyph> glyphs(std::string_view text) {
  std::vector<Glyph> result;
  while (!text.empty()) {
    utf8proc_int32_t code = 0;
    const auto length = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                         static_cast<utf8proc_ssize_t>(text.size()), &code);
    const auto taken = static_cast<std::size_t>(std::max<utf8proc_ssize_t>(length, 1));
    const bool good = length > 0 && shown(code);
    result.push_back(good ? Glyph{text.substr(0, taken), utf8proc_charwidth(code)} : kReplacement);
    text.remove_prefix(taken);
  }
  return result;
}

}  // namespace sparsecim::report
