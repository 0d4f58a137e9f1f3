#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/result.hpp"
#include "sparsity/pattern.hpp"

namespace sparsecim {

/// One pattern that a layer may take: what it brings to the budget, in whole units, and what it costs.
struct Choice {
  Pattern pattern;
  std::int64_t zeros = 0;
  double cost = 0;
};

/// costs[layer][choice].
using Costs = std::vector<std::vector<double>>;

inline constexpr std::size_t kMostChoices = 255;  // of a layer: a decision takes a byte

/// The choice made for every layer, as an index into its choices.
struct Allocation {
  std::vector<std::size_t> chosen;
  std::int64_t zeros = 0;
  double cost = 0;
};

/// What comes first among the plans that bring at least what the budget asks for.
enum class Goal {
  kFewestZeros,  // the smallest reachable sum of zeros; of such plans the least cost
  kLeastCost,    // the least cost, however many zeros
};

/// One choice per layer such that the zeros add up to at least `min_zeros`, the best plan by `goal`. Of plans that are
/// equally good: the one with the largest sum of M; of those, the one whose first layer that differs has the larger M,
/// then the larger N.
///
/// Exact, by dynamic programming over zeros divided by their greatest common divisor. Costs are rounded to about one
/// part in 2^40 of the sum of each layer's largest, so that equal sums of them compare equal in any order.
/// REQUIRES: 1 to kMostChoices choices per layer, zeros >= 0, costs finite and >= 0, some sum of zeros reaches
/// min_zeros. Errors: so many different sums that the table of decisions would exceed 256 MiB.
Result<Allocation> allocate(std::span<const std::vector<Choice>> layers, std::int64_t min_zeros,
                            Goal goal = Goal::kFewestZeros);

}  // namespace sparsecim
