#include "model/llama.hpp"

#include <utility>

#include "base/interrupt.hpp"
#include "base/progress.hpp"
#include "model/elementwise.hpp"

namespace sparsecim {

Llama::Llama(const Checkpoint& checkpoint, const Compute& compute)
    : checkpoint_(&checkpoint),
      config_(checkpoint.config()),
      compute_(compute),
      rotary_(std::make_shared<const RotaryTable>(config_, compute.device)) {}

Result<Llama> Llama::open(const Checkpoint& checkpoint, const Compute& compute) {
  return guarded([&]() -> Result<Llama> {
    Llama model(checkpoint, compute);
    SC_TRY_ASSIGN(model.embedding_, read_tensor(checkpoint, "model.embed_tokens.weight", compute));
    SC_TRY_ASSIGN(model.final_norm_, read_tensor(checkpoint, "model.norm.weight", compute));
    model.head_ = model.embedding_;
    if (!model.config_.tied_embeddings) {
      SC_TRY_ASSIGN(model.head_, read_tensor(checkpoint, "lm_head.weight", compute));
    }
    if (compute.arithmetic == Arithmetic::kInt8) {
      SC_TRY_ASSIGN(model.quantised_head_, quantise("lm_head", std::exchange(model.head_, {}), compute));
    }
    return model;
  });
}

Result<Llama> Llama::load(const Checkpoint& checkpoint, const Compute& compute) {
  SC_TRY_ASSIGN(Llama model, open(checkpoint, compute));
  return guarded([&]() -> Result<Llama> {
    Progress progress("reading the model", model.n_blocks(), "blocks");
    std::vector<DecoderBlock> blocks;
    for (std::int64_t i = 0; i < model.n_blocks(); ++i) {
      SC_TRY(check_interrupt());
      SC_TRY_ASSIGN(DecoderBlock block, model.block(i));
      blocks.push_back(std::move(block));
      progress.advance(1);
    }
    model.blocks_ = std::move(blocks);
    return std::move(model);
  });
}

Result<DecoderBlock> Llama::block(std::int64_t index) const {
  if (!blocks_.empty()) return blocks_[static_cast<std::size_t>(index)];
  return guarded([&] { return read_block(*checkpoint_, index, compute_); });
}

at::Tensor Llama::embed(const at::Tensor& ids) const { return at::embedding(embedding_, ids.to(compute_.device)); }

at::Tensor Llama::forward_block(const DecoderBlock& block, const at::Tensor& hidden, KeyValueCache* cache,
                                const InputObserver& observe) const {
  return sparsecim::forward_block(config_, *rotary_, block, hidden, cache, observe);
}

Result<at::Tensor> Llama::forward(const at::Tensor& ids, std::vector<KeyValueCache>* caches) const {
  at::Tensor hidden = embed(ids);
  for (std::int64_t i = 0; i < n_blocks(); ++i) {
    SC_TRY_ASSIGN(const DecoderBlock weights, block(i));
    hidden = forward_block(weights, hidden, caches ? &(*caches)[static_cast<std::size_t>(i)] : nullptr);
  }
  return hidden;
}

at::Tensor Llama::head_input(const at::Tensor& hidden) const {
  return rms_norm(hidden, final_norm_, config_.rms_norm_eps);
}

at::Tensor Llama::logits(const at::Tensor& hidden) const {
  const at::Tensor normed = head_input(hidden);
  if (quantised_head_) return linear_int8(normed, *quantised_head_, {});
  return at::linear(normed, head_).to(at::kFloat);
}

std::vector<KeyValueCache> Llama::make_caches(std::int64_t batch, std::int64_t capacity) const {
  const auto options = at::TensorOptions(compute_.device).dtype(compute_.dtype);
  std::vector<KeyValueCache> caches(static_cast<std::size_t>(n_blocks()));
  for (auto& cache : caches) {
    cache.keys = at::empty({batch, config_.n_kv_heads, capacity, config_.head_dim}, options);
    cache.values = at::empty_like(cache.keys);
  }
  return caches;
}

}  // namespace sparsecim
