#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <random>
#include <vector>

#include "hardware/flexcim/storage.hpp"

// For tests: random N:M matrices of int8, such as shared pairs can hold where they are asked for.

namespace sparsecim {

/// What the kept weights and the activations are.
enum class Values { kRandom, kLowest, kHighest, kExtremes, kSmall };

inline std::int8_t random_value(Values values, std::mt19937_64& random) {
  const auto any = static_cast<std::int8_t>(random());
  switch (values) {
    case Values::kRandom:
      return any;
    case Values::kLowest:
      return -128;
    case Values::kHighest:
      return 127;
    case Values::kExtremes:
      return any % 2 == 0 ? std::int8_t{-128} : std::int8_t{127};
    case Values::kSmall:
      break;
  }
  return static_cast<std::int8_t>(any % 4);
}

inline std::vector<std::int8_t> random_values(std::int64_t n, Values values, std::mt19937_64& random) {
  std::vector<std::int8_t> result(static_cast<std::size_t>(n));
  for (std::int8_t& value : result) value = random_value(values, random);
  return result;
}

/// Which of M positions a column of a group keeps when the group's columns share N choices of pairs.
inline std::vector<std::int64_t> shared_choice(const std::vector<std::int64_t>& pairs, std::mt19937_64& random) {
  std::vector<std::int64_t> kept;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const bool twice = i + 1 < pairs.size() && pairs[i + 1] == pairs[i];
    if (twice)
      kept.push_back(2 * pairs[i]), kept.push_back(2 * pairs[i] + 1), ++i;
    else
      kept.push_back(2 * pairs[i] + static_cast<std::int64_t>(random() % 2));
  }
  return kept;
}

/// N pair choices of M/2 pairs, each at most twice, in order.
inline std::vector<std::int64_t> random_pairs(Pattern pattern, std::mt19937_64& random) {
  std::vector<std::int64_t> choices(static_cast<std::size_t>(pattern.m));
  for (std::size_t i = 0; i < choices.size(); ++i) choices[i] = static_cast<std::int64_t>(i / 2);
  std::ranges::shuffle(choices, random);
  choices.resize(static_cast<std::size_t>(pattern.n));
  std::ranges::sort(choices);
  return choices;
}

/// [n_outputs, n_inputs]; of some blocks fewer than N weights are kept.
inline std::vector<std::int8_t> random_matrix(const FlexcimLayout& layout, std::int64_t n_outputs,
                                              std::int64_t n_inputs, Values values, std::mt19937_64& random) {
  if (layout.pattern.dense()) return random_values(n_outputs * n_inputs, values, random);
  std::vector<std::int8_t> weights(static_cast<std::size_t>(n_outputs * n_inputs));
  const std::int64_t m = layout.pattern.m;
  for (std::int64_t first = 0; first < n_inputs; first += m) {
    std::vector<std::int64_t> pairs;
    for (std::int64_t output = 0; output < n_outputs; ++output) {
      // Groups begin anew in every output tile.
      if (output % layout.columns % layout.columns_per_group == 0) pairs = random_pairs(layout.pattern, random);
      std::vector<std::int64_t> kept(static_cast<std::size_t>(m));
      std::iota(kept.begin(), kept.end(), 0);
      std::ranges::shuffle(kept, random);
      kept.resize(static_cast<std::size_t>(layout.pattern.n));
      if (layout.shares_pairs()) kept = shared_choice(pairs, random);
      for (const std::int64_t position : kept)
        if (first + position < n_inputs && random() % 8 != 0)
          weights[static_cast<std::size_t>(output * n_inputs + first + position)] = random_value(values, random);
    }
  }
  return weights;
}

/// All N:M with M up to 2 P that fit into the rows, and dense.
inline std::vector<Pattern> patterns_for(const MacroArray& array, bool any_n = false) {
  std::vector<Pattern> patterns = {{}};
  for (int m = 2; m <= 2 * array.sub_macros && m <= 16; m *= 2)
    for (int n = 1; n < m; ++n)
      if (flexcim_inputs_per_pass(array.rows, array.sub_macros, {n, m}, any_n) > 0) patterns.push_back({n, m});
  return patterns;
}

inline std::vector<MacroArray> some_arrays() {
  std::vector<MacroArray> arrays;
  for (const std::int64_t sub_macros : {1, 2, 4, 8})
    for (const std::int64_t positions : {2, 8})
      for (const std::int64_t columns : {1, 6, 8})
        arrays.push_back({.rows = sub_macros * positions, .columns = columns, .sub_macros = sub_macros});
  arrays.push_back({.sub_macros = 4});  // 128 x 32
  return arrays;
}

/// Every pair selection, with all its kinds of k and G.
inline std::vector<FlexcimParameters> all_pair_selections(const MacroArray& array) {
  std::vector<FlexcimParameters> machines;
  const auto push = [&](PairSelectKind kind, std::int64_t k, std::int64_t group) {
    machines.push_back(
        {.array = array, .pair_select = kind, .columns_per_cycle = k, .columns_per_group = group, .system = {}});
  };
  push(PairSelectKind::kBitserialPerCell, 1, array.columns);
  machines.push_back(machines.front());
  machines.back().any_n = true;
  push(PairSelectKind::kPerColumn, 1, array.columns);
  push(PairSelectKind::kBitserialPerGroup, 1, array.columns);
  machines.back().any_n = true;
  for (const std::int64_t k : {std::int64_t{1}, std::int64_t{4}, array.columns})
    if (k <= array.columns) push(PairSelectKind::kColumnPipelined, k, array.columns);
  for (const std::int64_t group : {std::int64_t{1}, array.columns / 2, array.columns})
    for (const PairSelectKind kind : {PairSelectKind::kSharedPairs, PairSelectKind::kBitserialPerGroup})
      if (group > 0) push(kind, 1, group);
  // How sums are accumulated does not depend on how cells get their inputs: every other one shares accumulators.
  for (std::size_t i = 0; i < machines.size(); i += 2)
    machines[i].array.accumulators = MacroArray::Accumulators::kShared;
  return machines;
}

}  // namespace sparsecim
