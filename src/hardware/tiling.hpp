#pragma once

#include <cstdint>
#include <vector>

namespace sparsecim {

/// How often activations are read and sent to all macros that need them in the same step: once for each step in which
/// some macro works on a given input tile.
struct Multicasts {
  std::int64_t all = 0;         // over all input tiles
  std::int64_t last_input = 0;  // of the last input tile, which may have fewer inputs
};

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
  /// The steps (all macros take a tile, then all their next) in which a macro takes the tiles of its run, the first
  /// tile's first. A run is walked round, beginning where macros that need the same inputs get them in the same step:
  /// input tile k is met in at most two steps more than the most often that one macro needs it. A last macro with fewer
  /// tiles has them in the first steps, and takes in the steps left over what would come later.
  std::vector<std::int64_t> steps_of(std::int64_t macro) const;
  Multicasts multicasts() const;
};

}  // namespace sparsecim
