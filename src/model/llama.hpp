#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "base/result.hpp"
#include "checkpoint/checkpoint.hpp"
#include "model/decoder_block.hpp"

namespace sparsecim {

/// Tokens that run through the model at once when there are many: enough for the matrix products to be efficient, few
/// enough for the activations of a wide MLP to stay in tens of megabytes.
inline constexpr std::int64_t kBatchTokens = 2048;

/// A LLaMA-family decoder (arXiv 2302.13971, section 2.2; grouped-query attention: arXiv 2305.13245; rotary embedding:
/// arXiv 2104.09864). Its weights are held in the compute type; the rotary angles and the logits are float32. The
/// decoder blocks, which are most of a model, are read one at a time while it runs (open) or stay in memory (load).
class Llama {
 public:
  /// A model that reads a block of `checkpoint`, which must outlive it, each time it is asked for one: for models of
  /// any size and work that does much with each block. Errors: the checkpoint's (a value that is not finite); out of
  /// memory.
  static Result<Llama> open(const Checkpoint& checkpoint, const Compute& compute);
  /// A model that holds all its blocks and needs `checkpoint` no more, for work that runs through all of them for every
  /// token. Errors: as open.
  static Result<Llama> load(const Checkpoint& checkpoint, const Compute& compute);

  const ModelConfig& config() const { return config_; }
  const Compute& compute() const { return compute_; }
  std::int64_t n_blocks() const { return config_.n_layers; }
  /// Errors: the checkpoint's, where the model does not hold its blocks.
  Result<DecoderBlock> block(std::int64_t index) const;

  /// ids [batch, tokens] (int64, any device) -> [batch, tokens, hidden].
  at::Tensor embed(const at::Tensor& ids) const;
  /// One block: [batch, tokens, hidden] -> the same, as forward_block of decoder_block.hpp.
  at::Tensor forward_block(const DecoderBlock& block, const at::Tensor& hidden, KeyValueCache* cache = nullptr,
                           const InputObserver& observe = {}) const;
  /// All blocks, without the final norm. Errors: those of block().
  Result<at::Tensor> forward(const at::Tensor& ids, std::vector<KeyValueCache>* caches = nullptr) const;
  /// The final norm: [..., hidden] -> the same.
  at::Tensor head_input(const at::Tensor& hidden) const;
  /// Final norm and head: [..., hidden] -> [..., vocabulary], float32.
  at::Tensor logits(const at::Tensor& hidden) const;
  /// Empty caches for `batch` sequences of at most `capacity` tokens.
  std::vector<KeyValueCache> make_caches(std::int64_t batch, std::int64_t capacity) const;

 private:
  Llama(const Checkpoint& checkpoint, const Compute& compute);

  const Checkpoint* checkpoint_;
  ModelConfig config_;
  Compute compute_;
  at::Tensor embedding_, head_;                            // [vocabulary, hidden]; the same tensor where they are tied
  std::shared_ptr<const QuantisedLinear> quantised_head_;  // in place of head_, in 8-bit arithmetic
  at::Tensor final_norm_;                                  // [hidden]
  std::shared_ptr<const RotaryTable> rotary_;
  std::vector<DecoderBlock> blocks_;  // all of them, or none
};

}  // namespace sparsecim
