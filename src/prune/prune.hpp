#pragma once

#include <string>

#include "base/result.hpp"
#include "checkpoint/export.hpp"
#include "model/llama.hpp"
#include "prune/calibration.hpp"
#include "sparsity/plan.hpp"

namespace sparsecim {

enum class Importance {
  kMagnitude,  // |W|
  kWanda,      // |W| * ||X_j||_2 (arXiv 2306.11695, equation 1)
};
/// "magnitude" or "wanda". Errors: anything else.
Result<Importance> parse_importance(const std::string& name);

/// Sets the weights that `plan` drops to zero, in place, block after block. Wanda's norms are collected sequentially:
/// each block sees the outputs of the pruned blocks before it. `calibration` may be null for magnitude only.
/// Errors: a plan of another model; activations that are not finite; interrupted.
Result<void> prune(Llama& model, const Plan& plan, Importance importance, const Calibration* calibration);

/// The edit by which export_checkpoint writes `pruned`: zeros where it has zeros, the source's values elsewhere.
TensorEdit zeros_of(const Llama& pruned);

}  // namespace sparsecim
