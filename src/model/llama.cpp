#include "model/llama.hpp"

#include "base/interrupt.hpp"
#include "base/progress.hpp"

namespace sparsecim {

Result<Llama> Llama::load(const Checkpoint& checkpoint, const Compute& compute) {
  return guarded([&]() -> Result<Llama> {
    Llama model(checkpoint.config(), compute);
    SC_TRY_ASSIGN(model.embedding_, read_tensor(checkpoint, "model.embed_tokens.weight", compute));
    Progress progress("reading the model", model.config_.n_layers, "blocks");
    for (std::int64_t i = 0; i < model.config_.n_layers; ++i) {
      SC_TRY(check_interrupt());
      SC_TRY_ASSIGN(DecoderBlock block, read_block(checkpoint, i, compute));
      model.blocks_.push_back(std::move(block));
      progress.advance(1);
    }
    SC_TRY_ASSIGN(model.final_norm_, read_tensor(checkpoint, "model.norm.weight", compute));
    model.head_ = model.embedding_;
    if (!model.config_.tied_embeddings) {
      SC_TRY_ASSIGN(model.head_, read_tensor(checkpoint, "lm_head.weight", compute));
    }
    model.rotary_ = std::make_shared<const RotaryTable>(model.config_, compute.device);
    return model;
  });
}

at::Tensor Llama::embed(const at::Tensor& ids) const { return at::embedding(embedding_, ids.to(compute_.device)); }

at::Tensor Llama::forward_block(const DecoderBlock& block, const at::Tensor& hidden, KeyValueCache* cache,
                                const InputObserver& observe) const {
  return sparsecim::forward_block(config_, *rotary_, block, hidden, cache, observe);
}

at::Tensor Llama::forward(const at::Tensor& ids, std::vector<KeyValueCache>* caches) const {
  at::Tensor hidden = embed(ids);
  for (std::size_t i = 0; i < blocks_.size(); ++i)
    hidden = forward_block(blocks_[i], hidden, caches ? &(*caches)[i] : nullptr);
  return hidden;
}

at::Tensor Llama::logits(const at::Tensor& hidden) const {
  return at::linear(rms_norm(hidden, final_norm_, config_.rms_norm_eps), head_).to(at::kFloat);
}

std::vector<KeyValueCache> Llama::make_caches(std::int64_t batch, std::int64_t capacity) const {
  const auto options = at::TensorOptions(compute_.device).dtype(compute_.dtype);
  std::vector<KeyValueCache> caches(blocks_.size());
  for (auto& cache : caches) {
    cache.keys = at::empty({batch, config_.n_kv_heads, capacity, config_.head_dim}, options);
    cache.values = at::empty_like(cache.keys);
  }
  return caches;
}

}  // namespace sparsecim
