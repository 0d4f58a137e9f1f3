#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "sparsity/allocate.hpp"

namespace sparsecim {

/// What the choices of all layers must bring together at least: gains[layer][choice] >= 0, summed over the choices
/// made.
struct Demand {
  std::vector<std::vector<std::int64_t>> gains;
  std::int64_t needed = 0;
};

struct IntegerSolution {
  std::vector<std::size_t> chosen;  // by layer, an index into its choices
  double cost = 0;
  double gap = 0;  // proven: no solution costs less than cost * (1 - gap)
};

/// One choice per layer at the least total of costs[layer][choice] >= 0 such that every demand is met, by branch and
/// cut (COIN-OR CBC), proven to within kProvenGap of the least cost; none where no choices meet the demands. Errors: no
/// proof within the time limit, with the gap reached.
Result<std::optional<IntegerSolution>> solve_integer_program(const Costs& costs, std::span<const Demand> demands,
                                                             double time_limit_s);
inline constexpr double kProvenGap = 1e-4;

/// "CBC 2.10.8".
Result<std::string> integer_solver();

}  // namespace sparsecim
