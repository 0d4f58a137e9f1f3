#pragma once

#include <span>
#include <vector>

#include "base/result.hpp"
#include "sparsity/outliers.hpp"
#include "sparsity/pattern.hpp"

namespace sparsecim {

/// For each of `patterns`: the sum of S^2 over the weights that it drops of `matrix` (masks of apply_nm, float32), over
/// the sum of S^2 over all. With activations that do not correlate this is the share of the output's energy that
/// pruning takes away, since then E|d x|^2 = sum of d_j^2 E[x_j^2]: the diagonal of the exact error. 0 where all scores
/// are zero. Errors: a score that is not finite.
Result<std::vector<double>> dropped_shares(const ScoredMatrix& matrix, std::span<const Pattern> patterns);

}  // namespace sparsecim
