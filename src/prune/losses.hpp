#pragma once

#include "base/result.hpp"
#include "model/llama.hpp"
#include "prune/calibration.hpp"
#include "sparsity/statistics.hpp"

namespace sparsecim {

/// Calibration tokens, [samples, tokens]: those that losses are measured on, and those behind them.
struct LossTokens {
  std::vector<at::Tensor> measured, compared;
};
/// The first `tokens` of the calibration, whole samples of which the last is perhaps cut, and at most `ratio` times as
/// many out of the samples behind them.
LossTokens split_tokens(const Calibration& calibration, std::int64_t tokens, std::int64_t ratio);

/// Fills in the rises of the loss that `statistics.scope.losses` asks for, by masks from the statistics' own column
/// norms (Wanda's). The loss is the cross-entropy against the dense model's distribution over the next token: it
/// differs from the divergence between the two by a constant, and needs far fewer tokens than the text's own next
/// tokens for the same accuracy. Each matrix is tried from the cached states in front of its block, and by one of the
/// processes that share the calibration. Memory: all decoder blocks, and for each token the vocabulary in bfloat16.
/// REQUIRES: a loss scope, matrices in the order of block_linears. Errors: the checkpoint's, the other processes';
/// values that are not finite; interrupted.
Result<void> measure_losses(const Llama& model, const Calibration& calibration, Statistics& statistics);

}  // namespace sparsecim
