#pragma once

#include <string_view>

namespace sparsecim {

/// U+2581, as which SentencePiece writes a space within tokens.
inline constexpr std::string_view kSpaceMark = "\xE2\x96\x81";

}  // namespace sparsecim
