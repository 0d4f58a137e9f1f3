#pragma once

#include <span>
#include <vector>

#include "base/result.hpp"
#include "sparsity/statistics.hpp"

namespace sparsecim {

/// What each option costs each matrix in loss, as far as two measurements and the output errors say.
struct LossCosts {
  std::vector<std::vector<double>> nats;  // [matrix][option], per token
  std::size_t guessed = 0;                // matrices with a rise below its standard error: taken from the others
};

/// Rises of the loss at the anchors, extended to all options along the matrix's output error: nats = a * error^p
/// through both of them, p within [0.5, 3] (then through their geometric mean). A rise below its standard error becomes
/// the matrix's error times the median ratio of rise to error over the matrices of its kind ("mlp.up_proj"), or of all
/// kinds. Errors: statistics without losses or without an option's output errors.
Result<LossCosts> loss_costs(const Statistics& statistics, std::span<const Pattern> options);

}  // namespace sparsecim
