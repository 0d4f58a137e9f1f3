#pragma once

#include <cstdint>

namespace sparsecim {

constexpr std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// A weight matrix cut into tiles, one macro's worth each, and dealt out to macros: tile number q * input_tiles + k (of
/// output tile q and input tile k) goes to macro number / tiles_per_macro. So the tiles of one output follow each
/// other in a macro, which adds their partial sums up, and where an output's tiles are split between neighbouring
/// macros, their sums meet in an adder on the link. All figures are per matrix and hold exactly (tiling_test.cpp walks
/// the tiles).
struct Tiling {
  std::int64_t input_tiles = 1, output_tiles = 1;
  std::int64_t tiles_per_macro = 1;

  /// Equal runs for at most `macros` macros.
  static Tiling over(std::int64_t input_tiles, std::int64_t output_tiles, std::int64_t macros);

  std::int64_t tiles() const { return input_tiles * output_tiles; }
  std::int64_t macros_used() const { return divide_up(tiles(), tiles_per_macro); }
  /// Outputs' tiles that are split between two neighbouring macros: joins on the link.
  std::int64_t joins() const;
  /// Those of the last output tile, which may have fewer columns.
  std::int64_t joins_of_last_output() const;
  /// Joins that follow each other until the most divided output is complete: joins are spread evenly over outputs, to
  /// within one.
  std::int64_t longest_chain() const { return divide_up(joins(), output_tiles); }
  /// Tiles that add onto the partial sum of the tile before in the same macro.
  std::int64_t local_sums() const { return tiles() - output_tiles - joins(); }
  /// Steps (the first tile of every macro, the second, ...) in which some macro works on a given input tile, the same
  /// number for every input tile: how often its activations are read and multicast.
  std::int64_t multicasts() const;
};

}  // namespace sparsecim
