#pragma once

#include <string>

#include "base/result.hpp"
#include "model/llama.hpp"
#include "prune/calibration.hpp"
#include "prune/output.hpp"
#include "sparsity/mask_sharing.hpp"
#include "sparsity/plan.hpp"

namespace sparsecim {

enum class Importance {
  kMagnitude,  // |W|
  kWanda,      // |W| * ||X_j||_2 (arXiv 2306.11695, equation 1)
  kSparseGpt,  // w^2 / [H^-1]_jj, and the weights that stay are updated (prune/sparsegpt.hpp)
};
/// "magnitude", "wanda" or "sparsegpt". Errors: anything else.
Result<Importance> parse_importance(const std::string& name);

/// Errors: a plan that lacks a matrix of a model of `config`, has one of another shape or in another block, or has
/// more.
Result<void> check_plan(const Plan& plan, const ModelConfig& config);

/// Writes `model` to `output` with the weights that `plan` drops set to zero (and by SparseGPT the others of these
/// matrices updated), from the first block that `output` does not have yet; `model` itself stays as it is. Inputs are
/// collected sequentially: each block sees the outputs of the pruned blocks before it. Memory: one block and the hidden
/// states of the calibration tokens; SparseGPT holds the second moments of a block's inputs besides, n_in^2 float64 for
/// each, and three times that of one while it factors it. `calibration` may be null for magnitude only. `sharing`:
/// which rows of a matrix choose together. Errors: a plan of another model; check_sharing's; activations that are not
/// finite; interrupted.
Result<void> prune(const Llama& model, const Plan& plan, Importance importance, const Calibration* calibration,
                   PruneOutput& output, const MaskSharing& sharing = {});

}  // namespace sparsecim
