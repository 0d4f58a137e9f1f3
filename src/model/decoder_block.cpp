#include "model/decoder_block.hpp"

#include <optional>
#include <tuple>
#include <utility>

namespace sparsecim {
namespace {

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

/// Causal self-attention with grouped queries. input: [batch, tokens, hidden], normalised.
at::Tensor attend(const ModelConfig& config, const RotaryTable& rotary, const DecoderBlock& block,
                  const at::Tensor& input, KeyValueCache* cache, const InputObserver& observe) {
  const std::int64_t batch = input.size(0), tokens = input.size(1);
  const auto heads = [&](int linear, std::int64_t n) {  // [batch, n, tokens, head_dim]
    return at::linear(input, block.linears[linear]).view({batch, tokens, n, config.head_dim}).transpose(1, 2);
  };
  const Rotation rotation = rotary.at(cache ? cache->length : 0, tokens);
  const at::Tensor queries = rotate(heads(0, config.n_heads), rotation);
  at::Tensor keys = rotate(heads(1, config.n_kv_heads), rotation);
  at::Tensor values = heads(2, config.n_kv_heads);
  if (cache) std::tie(keys, values) = extend(*cache, keys, values);
  const bool grouped = config.n_kv_heads != config.n_heads;
  const auto mask = causal_mask(tokens, keys.size(2), input.device());
  const bool causal = !mask && tokens > 1;
  const at::Tensor mixed = at::scaled_dot_product_attention(queries, keys, values, mask, 0, causal, {}, grouped);
  const at::Tensor joined = mixed.transpose(1, 2).reshape({batch, tokens, config.n_heads * config.head_dim});
  if (observe) observe(LinearInput::kAttentionOutput, joined.flatten(0, 1));
  return at::linear(joined, block.linears[3]);
}

}  // namespace

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

at::Tensor rms_norm(const at::Tensor& hidden, const at::Tensor& weight, double epsilon) {
  const at::Tensor x = hidden.to(at::kFloat);
  const at::Tensor scale = (x.square().mean(-1, true) + epsilon).rsqrt();
  return weight * (x * scale).to(weight.scalar_type());
}

at::Tensor forward_block(const ModelConfig& config, const RotaryTable& rotary, const DecoderBlock& block,
                         const at::Tensor& hidden, KeyValueCache* cache, const InputObserver& observe) {
  const at::Tensor attention_input = rms_norm(hidden, block.attention_norm, config.rms_norm_eps);
  if (observe) observe(LinearInput::kAttention, attention_input.flatten(0, 1));
  const at::Tensor middle = hidden + attend(config, rotary, block, attention_input, cache, observe);
  const at::Tensor mlp_input = rms_norm(middle, block.mlp_norm, config.rms_norm_eps);
  if (observe) observe(LinearInput::kMlp, mlp_input.flatten(0, 1));
  at::Tensor gate = at::linear(mlp_input, block.linears[4]);
  const at::Tensor mlp_hidden = at::silu_(gate).mul_(at::linear(mlp_input, block.linears[5]));
  if (observe) observe(LinearInput::kMlpHidden, mlp_hidden.flatten(0, 1));
  return middle + at::linear(mlp_hidden, block.linears[6]);
}

}  // namespace sparsecim
