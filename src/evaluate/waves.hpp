#pragma once

// How the evaluations of this room run many sequences through a model that has one block in memory at a time.

#include <ATen/ATen.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/progress.hpp"
#include "base/result.hpp"
#include "evaluate/sequences.hpp"
#include "model/llama.hpp"

namespace sparsecim {

/// Ids of which those from `first` >= 1 on are predicted.
struct Prediction {
  std::span<const TokenId> ids;
  std::size_t first = 1;

  std::int64_t inputs() const { return std::ssize(ids) - 1; }
  std::int64_t predicted() const { return std::ssize(ids) - static_cast<std::int64_t>(first); }
};

/// Sequences side by side, padded on the right: under a causal mask padding is never seen by what is scored.
struct Batch {
  at::Tensor ids;           // [sequences, longest - 1], the inputs
  at::Tensor rows;          // [predicted], which rows of the flattened inputs predict something
  at::Tensor targets;       // [predicted]
  std::int64_t inputs = 0;  // without the padding
};

/// As many of the first of `rest` as may be in memory at once, in batches of about kBatchTokens; `rest` loses them. At
/// least one batch; with padding about `most_tokens` tokens.
std::vector<Batch> take_wave(std::span<const Prediction>& rest, std::int64_t most_tokens);

/// Whether the macros and the kernels agreed so far, where the model computes as macros do.
Result<void> check_arithmetic(const Llama& model);

/// Runs a wave through all blocks: of each batch the states that predict something, [predicted, hidden], without the
/// final norm. Adds the time that computing took. Progress: the inputs, in as many steps as there are blocks. Errors:
/// the model's; check_arithmetic's; interrupted.
Result<std::vector<at::Tensor>> run_blocks(const Llama& model, const std::vector<Batch>& wave, double& seconds,
                                           Progress& progress);

/// Rows of logits held at once: 256 x 128,256 (LLaMA-3's vocabulary) float32 are 131 MB.
inline constexpr std::int64_t kLogitRows = 256;

/// log p(token | before) of `rows` states from `begin` on: [rows, vocabulary].
at::Tensor log_probabilities(const Llama& model, const at::Tensor& states, std::int64_t begin, std::int64_t rows,
                             double& seconds);

}  // namespace sparsecim
