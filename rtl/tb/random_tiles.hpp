#pragma once

#include "hardware/flexcim/test_matrices.hpp"
#include "stimulus.hpp"

// For tests: random tiles, whole and partial ones.

namespace sparsecim::rtl {

inline TileRun random_tile(const RtlModel& model, Pattern pattern, Values values, int n_tokens,
                           std::mt19937_64& random) {
  const FlexcimLayout layout = FlexcimLayout::of(model.parameters, pattern);
  const bool whole = values == Values::kLowest;  // whose sums are the largest
  const auto up_to = [&](std::int64_t most) {
    return whole || random() % 2 == 0 ? most
                                      : 1 + static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(most));
  };
  const std::int64_t inputs = up_to(layout.inputs()), outputs = up_to(layout.columns);
  const auto weights = random_matrix(layout, outputs, inputs, values, random);
  TileRun tile{.image = store_tile(layout, weights, inputs, {0, inputs, 0, outputs}).value(), .tokens = {}};
  for (int token = 0; token < n_tokens; ++token) tile.tokens.push_back(random_values(inputs, values, random));
  return tile;
}

/// A tile of every pattern that the macro runs, in any order: the mode changes from tile to tile.
inline std::vector<TileRun> tiles_of_every_pattern(const RtlModel& model, Values values, int n_tokens,
                                                   std::mt19937_64& random) {
  std::vector<Pattern> patterns = patterns_for(model.parameters.array, model.parameters.any_n);
  std::ranges::shuffle(patterns, random);
  std::vector<TileRun> tiles;
  for (const Pattern pattern : patterns) tiles.push_back(random_tile(model, pattern, values, n_tokens, random));
  return tiles;
}

}  // namespace sparsecim::rtl
