#pragma once

#include <string>
#include <string_view>
#include <vector>

// The room's own vocabulary lives in sparsecim::report: words like Record or Variant mean other things elsewhere.
namespace sparsecim::report {

/// One character as it is printed.
struct Glyph {
  std::string_view bytes;
  int width;  // in terminal columns
};

/// The characters of `text`. Control and format characters (which move the cursor or turn the line), line separators,
/// non-characters and invalid UTF-8 become U+FFFD: names come from files.
std::vector<Glyph> glyphs(std::string_view text);

}  // namespace sparsecim::report
