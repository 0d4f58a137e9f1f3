#pragma once

#include <ATen/ATen.h>

#include <vector>

#include "base/progress.hpp"
#include "base/result.hpp"
#include "model/llama.hpp"

namespace sparsecim {

/// Runs every batch of hidden states [batch, tokens, hidden] through the block, only to observe its inputs. Errors:
/// interrupted.
Result<void> observe_block(const Llama& model, const DecoderBlock& block, const std::vector<at::Tensor>& states,
                           const InputObserver& observe);
/// Takes every batch through the block; `observe` sees the block's inputs, `progress` counts the tokens. Errors:
/// interrupted.
Result<void> run_block(const Llama& model, const DecoderBlock& block, std::vector<at::Tensor>& states,
                       const InputObserver& observe = {}, Progress* progress = nullptr);

}  // namespace sparsecim
