#pragma once

#include "base/result.hpp"
#include "model/llama.hpp"
#include "prune/calibration.hpp"
#include "sparsity/statistics.hpp"

namespace sparsecim {

/// Fills in the rises of the loss that `statistics.scope.losses` asks for, by masks from the statistics' own column
/// norms (Wanda's). The loss is the cross-entropy against the dense model's distribution over the next token: it
/// differs from the divergence between the two by a constant, and needs far fewer tokens than the text's own next
/// tokens for the same accuracy. Each matrix is tried from the cached states in front of its block. Memory: all decoder
/// blocks, and for each token the vocabulary in bfloat16. REQUIRES: a loss scope, matrices in the order of
/// block_linears. Errors: the checkpoint's; values that are not finite; interrupted.
Result<void> measure_losses(const Llama& model, const Calibration& calibration, Statistics& statistics);

}  // namespace sparsecim
