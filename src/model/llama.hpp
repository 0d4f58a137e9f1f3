#pragma once

#include <ATen/ATen.h>

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "checkpoint/checkpoint.hpp"
#include "model/device.hpp"

namespace sparsecim {

/// Tokens that run through the model at once when there are many: enough for the matrix products to be efficient, few
/// enough for the activations of a wide MLP to stay in tens of megabytes.
inline constexpr std::int64_t kBatchTokens = 2048;

/// Keys and values of the tokens seen so far, for one decoder block.
struct KeyValueCache {
  at::Tensor keys, values;  // [batch, n_kv_heads, capacity, head_dim]
  std::int64_t length = 0;  // positions filled
};

/// The inputs that the linear matrices of a block read; matrices with the same input share its statistics.
enum class LinearInput { kAttention, kAttentionOutput, kMlp, kMlpHidden };
inline constexpr int kLinearInputs = 4;
/// Which input a matrix reads, by its index in block_linears(): q k v o gate up down.
inline constexpr std::array<LinearInput, 7> kInputOfLinear = {
    LinearInput::kAttention, LinearInput::kAttention, LinearInput::kAttention, LinearInput::kAttentionOutput,
    LinearInput::kMlp,       LinearInput::kMlp,       LinearInput::kMlpHidden};
/// Sees an input, [tokens, features], just before the matrices that read it.
using InputObserver = std::function<void(LinearInput input, const at::Tensor& activations)>;

/// One decoder block: RMSNorm, attention, RMSNorm, gated MLP (LLaMA: arXiv 2302.13971, section 2.2).
struct DecoderBlock {
  at::Tensor attention_norm, mlp_norm;  // [hidden]
  std::array<at::Tensor, 7> linears;    // q k v o gate up down, each [n_out, n_in]
};

/// A LLaMA-family decoder (grouped-query attention: arXiv 2305.13245; rotary embedding: arXiv 2104.09864). Its weights
/// are held in the compute type; the rotary angles and the logits are float32.
class Llama {
 public:
  /// Reads every tensor of `checkpoint`. Errors: the checkpoint's (a value that is not finite); out of memory.
  static Result<Llama> load(const Checkpoint& checkpoint, const Compute& compute);

  const ModelConfig& config() const { return config_; }
  const Compute& compute() const { return compute_; }
  std::vector<DecoderBlock>& blocks() { return blocks_; }
  const std::vector<DecoderBlock>& blocks() const { return blocks_; }

  /// ids [batch, tokens] (int64, any device) -> [batch, tokens, hidden].
  at::Tensor embed(const at::Tensor& ids) const;
  /// One block: [batch, tokens, hidden] -> the same. Positions start behind what `cache` holds (at 0 without one);
  /// the cache is extended. REQUIRES: room in the cache.
  at::Tensor forward_block(const DecoderBlock& block, const at::Tensor& hidden, KeyValueCache* cache = nullptr,
                           const InputObserver& observe = {}) const;
  /// All blocks, without the final norm.
  at::Tensor forward(const at::Tensor& ids, std::vector<KeyValueCache>* caches = nullptr) const;
  /// Final norm and head: [..., hidden] -> [..., vocabulary], float32.
  at::Tensor logits(const at::Tensor& hidden) const;
  /// Empty caches for `batch` sequences of at most `capacity` tokens.
  std::vector<KeyValueCache> make_caches(std::int64_t batch, std::int64_t capacity) const;

 private:
  Llama(ModelConfig config, Compute compute) : config_(std::move(config)), compute_(compute) {}
  at::Tensor attend(const DecoderBlock& block, const at::Tensor& input, KeyValueCache* cache,
                    const InputObserver& observe) const;
  at::Tensor norm(const at::Tensor& hidden, const at::Tensor& weight) const;
  void prepare_rotation(std::int64_t positions);

  ModelConfig config_;
  Compute compute_;
  at::Tensor embedding_, head_;  // [vocabulary, hidden]; the same tensor where they are tied
  at::Tensor final_norm_;        // [hidden]
  at::Tensor cosine_, sine_;     // [max_positions, head_dim], float32
  std::vector<DecoderBlock> blocks_;
};

}  // namespace sparsecim
