#include "sparsity/shared_pairs.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/check.hpp"
#include "sparsity/mask.hpp"

namespace sparsecim {
namespace {

/// Some consecutive rows and columns of a matrix.
struct Block {
  std::span<float> weights;  // [rows, n_in] of the group
  std::span<const float> norms;
  std::int64_t n_in, first, width;

  std::int64_t rows() const { return std::ssize(weights) / n_in; }
  float* row(std::int64_t row) const { return weights.data() + row * n_in + first; }
  float importance(std::int64_t row, std::int64_t column) const {
    const float norm = norms.empty() ? 1 : norms[static_cast<std::size_t>(first + column)];
    return std::abs(this->row(row)[column] * norm);
  }
  /// An odd last column has no partner.
  float partner(std::int64_t row, std::int64_t column) const {
    return column + 1 < width ? importance(row, column + 1) : 0;
  }
};

/// A slot for a pair, and what it adds.
struct Slot {
  double importance;
  std::int64_t pair;
};

/// Both slots of every pair, the best first; equal ones by pair, a pair's first before its second.
std::vector<Slot> rank_slots(const Block& block) {
  std::vector<Slot> slots;
  for (std::int64_t column = 0; column < block.width; column += 2) {
    double larger = 0, smaller = 0;
    for (std::int64_t row = 0; row < block.rows(); ++row) {
      const auto [low, high] = std::minmax({block.importance(row, column), block.partner(row, column)});
      larger += high;
      smaller += low;
    }
    slots.push_back({larger, column / 2});
    if (column + 1 < block.width) slots.push_back({smaller, column / 2});
  }
  std::ranges::stable_sort(slots, std::ranges::greater{}, &Slot::importance);
  return slots;
}

/// Zeroes what `n_slots` slots of the block leave out.
void mask_block(const Block& block, std::int64_t n_slots) {
  std::vector<int> given(static_cast<std::size_t>((block.width + 1) / 2));
  const std::vector<Slot> slots = rank_slots(block);
  for (std::int64_t i = 0; i < std::min(n_slots, std::ssize(slots)); ++i)
    ++given[static_cast<std::size_t>(slots[static_cast<std::size_t>(i)].pair)];
  for (std::int64_t row = 0; row < block.rows(); ++row)
    for (std::int64_t column = 0; column < block.width; column += 2) {
      const int slots_of_pair = given[static_cast<std::size_t>(column / 2)];
      const bool left_stays = block.importance(row, column) >= block.partner(row, column);
      float* pair = block.row(row) + column;
      if (slots_of_pair == 0 || (slots_of_pair == 1 && !left_stays)) pair[0] = 0;
      if (column + 1 < block.width && (slots_of_pair == 0 || (slots_of_pair == 1 && left_stays))) pair[1] = 0;
    }
}

Result<void> check_finite(const Block& block, std::int64_t first_row) {
  for (std::int64_t row = 0; row < block.rows(); ++row)
    for (std::int64_t column = 0; column < block.width; ++column)
      if (!std::isfinite(block.importance(row, column)))
        return fail("row {}, column {}: weight {} times its norm is not finite", first_row + row, block.first + column,
                    block.row(row)[column]);
  return {};
}

}  // namespace

Result<void> apply_shared_pairs(std::span<float> weights, std::int64_t n_in, std::span<const float> column_norms,
                                Pattern pattern, std::int64_t rows_per_group) {
  SC_CHECK(n_in >= 1 && std::ssize(weights) % n_in == 0 && rows_per_group >= 1);
  SC_CHECK(column_norms.empty() || std::ssize(column_norms) == n_in);
  if (pattern.dense() || pattern.m <= 2 || rows_per_group == 1) return apply_nm(weights, n_in, column_norms, pattern);
  if (pattern.m % 2 != 0) return fail(Remedy{"choose an even M"}, "{} has no pairs to share", pattern.name());
  const std::int64_t n_rows = std::ssize(weights) / n_in;
  for (std::int64_t row = 0; row < n_rows; row += rows_per_group) {
    const std::int64_t rows = std::min(rows_per_group, n_rows - row);
    const auto group = weights.subspan(static_cast<std::size_t>(row * n_in), static_cast<std::size_t>(rows * n_in));
    for (std::int64_t first = 0; first < n_in; first += pattern.m) {
      const auto width = static_cast<int>(std::min<std::int64_t>(pattern.m, n_in - first));
      const Block block{group, column_norms, n_in, first, width};
      SC_TRY(check_finite(block, row));
      mask_block(block, kept_of_group(pattern, width));
    }
  }
  return {};
}

}  // namespace sparsecim
