#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "hardware/flexcim/flexcim.hpp"

namespace sparsecim {

/// Where the weights of N:M sparse matrices lie in a macro, for one pattern (docs/flexcim.md draws it). The macro is a
/// grid of sub-macros x row positions x columns, a word each; a column is one output. The inputs of a tile come in
/// blocks of M; a block has N slots in every column, one after the other over the sub-macros of a row position:
///
///   N <= P: floor(P/N) blocks share a row position, and P - floor(P/N) * N sub-macros stay empty there;
///   N >  P: a block takes ceil(N/P) row positions of its own;
///   dense:  blocks of one input with one slot: P inputs share a row position;
///   any_n:  slots follow each other over row positions without gaps, so that a block may straddle two.
struct FlexcimLayout {
  Pattern pattern;
  std::int64_t rows, columns, sub_macros;
  /// 1: each column chooses its pairs; G: groups of columns share them. Patterns without pairs to choose from (dense, M
  /// = 2) share nothing.
  std::int64_t columns_per_group = 1;
  bool any_n = false;

  static FlexcimLayout of(const FlexcimParameters& parameters, Pattern pattern);

  std::int64_t row_positions() const { return rows / sub_macros; }
  std::int64_t block_inputs() const { return pattern.dense() ? 1 : pattern.m; }
  std::int64_t block_slots() const { return pattern.dense() ? 1 : pattern.n; }
  std::int64_t blocks() const { return inputs() / block_inputs(); }  // of a full tile
  std::int64_t inputs() const { return flexcim_inputs_per_pass(rows, sub_macros, pattern, any_n); }
  std::int64_t groups() const { return columns / columns_per_group; }
  bool shares_pairs() const { return columns_per_group > 1; }
  /// log2(M): the least significant one is isel, the others are the number of the pair.
  std::int64_t position_bits() const;

  /// A word's row: the same for all columns.
  struct Row {
    std::int64_t sub_macro, row_position;
  };
  Row row_of(std::int64_t block, std::int64_t slot) const;
  std::int64_t row_index(Row row) const { return row.sub_macro * row_positions() + row.row_position; }
};

/// What one cell word holds. A slot without a weight holds zero.
struct FlexcimWord {
  std::int8_t weight = 0;  // two's complement
  std::uint8_t isel = 0;   // which of the pair
};

/// A tile as it is stored: at most layout.inputs() x layout.columns of a matrix.
struct FlexcimImage {
  FlexcimLayout layout;
  std::int64_t n_inputs = 0, n_outputs = 0;  // of the tile
  std::vector<FlexcimWord> words;            // [sub_macros][row_positions][columns]
  std::vector<std::uint8_t> pairs;  // [sub_macros][row_positions][groups]: the pair that its columns choose from

  std::int64_t blocks_used() const;
  const FlexcimWord& word(std::int64_t row, std::int64_t column) const {
    return words[static_cast<std::size_t>(row * layout.columns + column)];
  }
  std::uint8_t pair(std::int64_t row, std::int64_t column) const {
    return pairs[static_cast<std::size_t>(row * layout.groups() + column / layout.columns_per_group)];
  }
  /// Bits of the slots of the tile's blocks and outputs, empty or not: weights, isel and pairs (those once a group).
  std::int64_t stored_bits() const;
};

/// A tile of a matrix.
struct FlexcimTile {
  std::int64_t first_input, n_inputs, first_output, n_outputs;
};

/// Stores `tile` of `weights`, [n_outputs, matrix_inputs] row-major. The kept (non-zero) weights of a block go into its
/// slots in the order of their inputs; with shared pairs, slots go to the pairs that a group's columns need in the
/// order of the pairs, and a weight into the slot of its pair, the first for a pair's even element where there are two.
/// REQUIRES: the tile lies in the matrix, first_input is a multiple of layout.inputs(), sizes at most the layout's.
/// Errors: a block of a row with more than N weights that are not zero; with shared pairs, columns of a group that need
/// more than N pairs between them (one that both elements are kept of counts twice).
Result<FlexcimImage> store_tile(const FlexcimLayout& layout, std::span<const std::int8_t> weights,
                                std::int64_t matrix_inputs, const FlexcimTile& tile);

/// The tile's weights, [n_outputs, n_inputs] row-major: what store_tile was given.
std::vector<std::int8_t> decode(const FlexcimImage& image);

}  // namespace sparsecim
