#include "model/llama.hpp"

#include <optional>
#include <tuple>
#include <utility>

#include "base/interrupt.hpp"
#include "base/progress.hpp"

namespace sparsecim {
namespace {

/// Reads one tensor into the compute type on the compute device.
Result<at::Tensor> read_tensor(const Checkpoint& checkpoint, const std::string& name, const Compute& compute) {
  const TensorInfo* info = checkpoint.find(name);
  if (info == nullptr) return fail("tensor '{}' is missing", name);
  at::Tensor tensor = at::empty(info->shape, at::kFloat);
  SC_TRY(checkpoint.read(*info, {tensor.data_ptr<float>(), static_cast<std::size_t>(tensor.numel())}));
  return tensor.to(compute.device, compute.dtype);
}

Result<DecoderBlock> read_block(const Checkpoint& checkpoint, std::int64_t index, const Compute& compute) {
  const auto named = [&](const std::string& name) { return matrix_name(index, name) + ".weight"; };
  DecoderBlock block;
  SC_TRY_ASSIGN(block.attention_norm, read_tensor(checkpoint, named("input_layernorm"), compute));
  SC_TRY_ASSIGN(block.mlp_norm, read_tensor(checkpoint, named("post_attention_layernorm"), compute));
  const auto linears = block_linears(checkpoint.config());
  for (std::size_t i = 0; i < linears.size(); ++i) {
    SC_TRY_ASSIGN(block.linears[i], read_tensor(checkpoint, named(linears[i].name), compute));
  }
  return block;
}

/// Rotates pairs (i, i + head_dim/2), Hugging Face's order. x: [batch, heads, tokens, head_dim].
at::Tensor rotate(const at::Tensor& x, const at::Tensor& cosine, const at::Tensor& sine) {
  const auto halves = x.chunk(2, -1);
  const at::Tensor turned = at::cat({-halves[1], halves[0]}, -1);
  return (x * cosine + turned * sine).to(x.scalar_type());
}

/// Appends to the cache and returns views of all that it holds now.
std::pair<at::Tensor, at::Tensor> extend(KeyValueCache& cache, const at::Tensor& keys, const at::Tensor& values) {
  const std::int64_t tokens = keys.size(2);
  cache.keys.narrow(2, cache.length, tokens).copy_(keys);
  cache.values.narrow(2, cache.length, tokens).copy_(values);
  cache.length += tokens;
  return {cache.keys.narrow(2, 0, cache.length), cache.values.narrow(2, 0, cache.length)};
}

/// Which of `total` keys each of the last `tokens` queries may see: [tokens, total]. Nothing where the kernel's own
/// causal mask (queries and keys start together) or no mask (one query, all keys) says the same.
std::optional<at::Tensor> causal_mask(std::int64_t tokens, std::int64_t total, at::Device device) {
  if (tokens == total || tokens == 1) return std::nullopt;
  return at::ones({tokens, total}, at::TensorOptions(device).dtype(at::kBool)).tril(total - tokens);
}

}  // namespace

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
    model.prepare_rotation(model.config_.max_positions);
    return model;
  });
}

/// cos and sin of position * theta^(-2i/head_dim), for both halves (arXiv 2104.09864, equation 15).
void Llama::prepare_rotation(std::int64_t positions) {
  const auto options = at::TensorOptions(compute_.device).dtype(at::kFloat);
  const at::Tensor exponents = at::arange(0, config_.head_dim, 2, options) / static_cast<double>(config_.head_dim);
  const at::Tensor frequencies = 1.0 / at::pow(config_.rope_theta, exponents);       // [head_dim/2]
  const at::Tensor angles = at::outer(at::arange(positions, options), frequencies);  // [positions, head_dim/2]
  const at::Tensor both = at::cat({angles, angles}, -1);
  cosine_ = both.cos();
  sine_ = both.sin();
}

at::Tensor Llama::embed(const at::Tensor& ids) const { return at::embedding(embedding_, ids.to(compute_.device)); }

at::Tensor Llama::norm(const at::Tensor& hidden, const at::Tensor& weight) const {
  const at::Tensor x = hidden.to(at::kFloat);
  const at::Tensor scale = (x.square().mean(-1, true) + config_.rms_norm_eps).rsqrt();
  return weight * (x * scale).to(weight.scalar_type());
}

at::Tensor Llama::attend(const DecoderBlock& block, const at::Tensor& input, KeyValueCache* cache,
                         const InputObserver& observe) const {
  const std::int64_t batch = input.size(0), tokens = input.size(1);
  const std::int64_t start = cache ? cache->length : 0;
  const auto heads = [&](int linear, std::int64_t n) {  // [batch, n, tokens, head_dim]
    return at::linear(input, block.linears[linear]).view({batch, tokens, n, config_.head_dim}).transpose(1, 2);
  };
  const at::Tensor cosine = cosine_.narrow(0, start, tokens), sine = sine_.narrow(0, start, tokens);
  const at::Tensor queries = rotate(heads(0, config_.n_heads), cosine, sine);
  at::Tensor keys = rotate(heads(1, config_.n_kv_heads), cosine, sine);
  at::Tensor values = heads(2, config_.n_kv_heads);
  if (cache) std::tie(keys, values) = extend(*cache, keys, values);
  const bool grouped = config_.n_kv_heads != config_.n_heads;
  const auto mask = causal_mask(tokens, keys.size(2), compute_.device);
  const bool causal = !mask && tokens > 1;
  const at::Tensor mixed = at::scaled_dot_product_attention(queries, keys, values, mask, 0, causal, {}, grouped);
  const at::Tensor joined = mixed.transpose(1, 2).reshape({batch, tokens, config_.n_heads * config_.head_dim});
  if (observe) observe(LinearInput::kAttentionOutput, joined.flatten(0, 1));
  return at::linear(joined, block.linears[3]);
}

at::Tensor Llama::forward_block(const DecoderBlock& block, const at::Tensor& hidden, KeyValueCache* cache,
                                const InputObserver& observe) const {
  const at::Tensor attention_input = norm(hidden, block.attention_norm);
  if (observe) observe(LinearInput::kAttention, attention_input.flatten(0, 1));
  const at::Tensor middle = hidden + attend(block, attention_input, cache, observe);
  const at::Tensor mlp_input = norm(middle, block.mlp_norm);
  if (observe) observe(LinearInput::kMlp, mlp_input.flatten(0, 1));
  at::Tensor gate = at::linear(mlp_input, block.linears[4]);
  const at::Tensor mlp_hidden = at::silu_(gate).mul_(at::linear(mlp_input, block.linears[5]));
  if (observe) observe(LinearInput::kMlpHidden, mlp_hidden.flatten(0, 1));
  return middle + at::linear(mlp_hidden, block.linears[6]);
}

at::Tensor Llama::forward(const at::Tensor& ids, std::vector<KeyValueCache>* caches) const {
  at::Tensor hidden = embed(ids);
  for (std::size_t i = 0; i < blocks_.size(); ++i)
    hidden = forward_block(blocks_[i], hidden, caches ? &(*caches)[i] : nullptr);
  return hidden;
}

at::Tensor Llama::logits(const at::Tensor& hidden) const {
  return at::linear(norm(hidden, final_norm_), head_).to(at::kFloat);
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
