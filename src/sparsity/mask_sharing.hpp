#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "sparsity/pattern.hpp"

namespace sparsecim {

/// Which rows of a matrix choose together. Groups of `rows` consecutive rows, from row 0 on; the last may be smaller.
struct MaskSharing {
  enum class Kind {
    kNone,   // every row chooses for itself
    kRows,   // all rows of a group keep the same columns
    kPairs,  // the rows share pairs of columns (2p, 2p+1): of every block of M they choose a multiset of N pairs, each
             // at most twice. Of a pair that is there twice all rows keep both columns; of one that is there once every
             // row keeps one, its own choice. What FlexCiM runs with pair_select shared_pairs.
  };
  Kind kind = Kind::kNone;
  std::int64_t rows = 1;

  bool operator==(const MaskSharing&) const = default;
};
inline constexpr std::int64_t kMostSharingRows = 4096;

/// "row", "rows:4", "pairs:32". Errors: anything else; a number of rows outside 1 .. 4096.
Result<MaskSharing> parse_mask_granularity(std::string_view text);
std::string name(const MaskSharing& sharing);

/// Which columns of one block stay, for the rows of one group: the choice that a sharing allows and that drops the
/// least sum of squared scores, what zeroing costs at the output but for what the inputs have in common (with Wanda's
/// scores) or exactly (with SparseGPT's). `scores` [n_rows, width] row-major, not negative, finite; `kept` <= width
/// columns of each row stay -> `keep`, likewise, 1 or 0. Equal sums: the lower columns. REQUIRES: width <= kLargestM.
void choose_kept(std::span<const float> scores, int width, int kept, MaskSharing::Kind kind,
                 std::span<std::uint8_t> keep);

/// Errors: shared pairs of a pattern whose M is odd.
Result<void> check_sharing(const MaskSharing& sharing, Pattern pattern);

}  // namespace sparsecim
