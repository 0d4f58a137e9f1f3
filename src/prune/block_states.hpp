#pragma once

#include <ATen/ATen.h>

#include <functional>
#include <vector>

#include "base/progress.hpp"
#include "base/result.hpp"
#include "model/llama.hpp"

namespace sparsecim {

/// Told which batch of the states has been seen.
using BatchSeen = std::function<Result<void>(std::size_t index)>;

/// Runs every batch of hidden states [batch, tokens, hidden] through the block, only to observe its inputs. Errors:
/// those of `seen`; interrupted.
Result<void> observe_block(const Llama& model, const DecoderBlock& block, const std::vector<at::Tensor>& states,
                           const InputObserver& observe, const BatchSeen& seen = {});
/// Takes every batch through the block; `observe` sees the block's inputs, `progress` counts the tokens. Errors:
/// those of `seen`; interrupted.
Result<void> run_block(const Llama& model, const DecoderBlock& block, std::vector<at::Tensor>& states,
                       const InputObserver& observe = {}, Progress* progress = nullptr, const BatchSeen& seen = {});

}  // namespace sparsecim
