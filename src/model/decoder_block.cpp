#include "model/decoder_block.hpp"

#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "model/attention.hpp"
#include "model/elementwise.hpp"
#include "model/flexcim_arithmetic.hpp"
#include "model/row_product.hpp"

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

at::Tensor linear(const DecoderBlock& block, int index, const at::Tensor& input) {
  const at::Tensor& bias = block.biases[index];
  if (block.analog[index]) return linear_analog(input, *block.analog[index], bias);
  if (block.quantised[index]) return linear_int8(input, *block.quantised[index], bias);
  if (block.factored[index]) return linear_monarch(input, *block.factored[index], bias);
  return at::linear(input, block.linears[index], bias.defined() ? std::optional(bias) : std::nullopt);
}

/// The attention half but for norm and residual. input: [batch, tokens, hidden], normalised.
at::Tensor attention_half(const ModelConfig& config, const RotaryTable& rotary, const DecoderBlock& block,
                          const at::Tensor& input, KeyValueCache* cache, const InputObserver& observe) {
  const std::int64_t batch = input.size(0), tokens = input.size(1);
  const auto heads = [&](int index, std::int64_t n) {  // [batch, tokens, n, head_dim]
    return linear(block, index, input).view({batch, tokens, n, config.head_dim});
  };
  const Rotation rotation = rotary.at(cache ? cache->length : 0, tokens);
  const at::Tensor queries = rotate(heads(0, config.n_heads), rotation).transpose(1, 2);
  at::Tensor keys = rotate(heads(1, config.n_kv_heads), rotation).transpose(1, 2);
  at::Tensor values = heads(2, config.n_kv_heads).transpose(1, 2);
  if (cache) std::tie(keys, values) = extend(*cache, keys, values);
  const at::Tensor joined = attend(queries, keys, values, block.window);
  if (observe) observe(LinearInput::kAttentionOutput, joined.flatten(0, 1));
  return linear(block, 3, joined);
}

/// The matrix `name` as its factors.
Result<MonarchLinear> read_factors(const Checkpoint& checkpoint, const std::string& name, const MonarchShape& shape,
                                   const Compute& compute) {
  if (compute.arithmetic == Arithmetic::kInt8 && !compute.analog)
    return fail(Remedy{"use --arithmetic float or analog"}, "{}: Monarch factors are not computed in 8-bit arithmetic",
                name);
  MonarchLinear factors{.shape = shape, .left = {}, .right = {}};
  SC_TRY_ASSIGN(factors.right, read_tensor(checkpoint, fmt::format("{}{}", name, kMonarchRight), compute));
  SC_TRY_ASSIGN(factors.left, read_tensor(checkpoint, fmt::format("{}{}", name, kMonarchLeft), compute));
  return factors;
}

/// Matrix `i` of the block in the form that it is stored and computed in.
Result<void> read_linear(const Checkpoint& checkpoint, const std::string& name, const Compute& compute, std::size_t i,
                         DecoderBlock& block) {
  const auto& monarch = checkpoint.config().monarch;
  if (const auto found = monarch.find(name); found != monarch.end()) {
    if (compute.rounding) return fail("{}: the factors of a Monarch matrix are not rounded to few bits", name);
    SC_TRY_ASSIGN(block.factored[i], read_factors(checkpoint, name, found->second, compute));
    if (compute.analog) {
      SC_TRY_ASSIGN(block.analog[i], compute.analog->store(name, *std::exchange(block.factored[i], {})));
    }
    return {};
  }
  SC_TRY_ASSIGN(block.linears[i], read_tensor(checkpoint, name + ".weight", compute));
  if (compute.rounding) {
    SC_TRY_ASSIGN(block.linears[i], within(name, rounded(block.linears[i], *compute.rounding)));
  }
  if (compute.analog) {
    SC_TRY_ASSIGN(block.analog[i], compute.analog->store(name, std::exchange(block.linears[i], {})));
  } else if (compute.arithmetic == Arithmetic::kInt8) {
    SC_TRY_ASSIGN(block.quantised[i], quantise(name, std::exchange(block.linears[i], {}), compute));
  }
  return {};
}

}  // namespace

at::Tensor linear_int8(const at::Tensor& input, const QuantisedLinear& weight, const at::Tensor& bias) {
  return row_product(input, weight, bias);
}

Result<std::shared_ptr<const QuantisedLinear>> quantise(const std::string& name, const at::Tensor& weight,
                                                        const Compute& compute) {
  const at::Tensor values = weight.contiguous();
  const std::span<const float> all(values.const_data_ptr<float>(), static_cast<std::size_t>(values.numel()));
  const std::int64_t n_inputs = weight.size(1);
  SC_TRY_ASSIGN(QuantisedLinear quantised, within(name, compute.flexcim ? compute.flexcim->store(name, all, n_inputs)
                                                                        : QuantisedLinear::quantised(all, n_inputs)));
  return std::make_shared<const QuantisedLinear>(std::move(quantised));
}

Result<at::Tensor> read_tensor(const Checkpoint& checkpoint, const std::string& name, const Compute& compute) {
  const TensorInfo* info = checkpoint.find(name);
  if (info == nullptr) return fail("tensor '{}' is missing", name);
  at::Tensor tensor = at::empty(info->shape, at::kFloat);
  SC_TRY(checkpoint.read(*info, {tensor.data_ptr<float>(), static_cast<std::size_t>(tensor.numel())}));
  return tensor.to(compute.device, compute.dtype);
}

Result<DecoderBlock> read_block(const Checkpoint& checkpoint, std::int64_t index, const Compute& compute) {
  const auto read = [&](const std::string& name) { return read_tensor(checkpoint, matrix_name(index, name), compute); };
  DecoderBlock block{.window = window_of_block(checkpoint.config(), index)};
  SC_TRY_ASSIGN(block.attention_norm, read("input_layernorm.weight"));
  SC_TRY_ASSIGN(block.mlp_norm, read("post_attention_layernorm.weight"));
  const auto linears = block_linears(checkpoint.config());
  for (std::size_t i = 0; i < linears.size(); ++i) {
    SC_TRY(read_linear(checkpoint, matrix_name(index, linears[i].name), compute, i, block));
    if (!linears[i].bias) continue;
    SC_TRY_ASSIGN(block.biases[i], read(linears[i].name + ".bias"));
  }
  return block;
}

at::Tensor forward_block(const ModelConfig& config, const RotaryTable& rotary, const DecoderBlock& block,
                         const at::Tensor& hidden, KeyValueCache* cache, const InputObserver& observe) {
  const at::Tensor attention_input = rms_norm(hidden, block.attention_norm, config.rms_norm_eps);
  if (observe) observe(LinearInput::kAttention, attention_input.flatten(0, 1));
  const at::Tensor mixed = attention_half(config, rotary, block, attention_input, cache, observe);
  const auto [middle, mlp_input] = add_and_norm(hidden, mixed, block.mlp_norm, config.rms_norm_eps);
  if (observe) observe(LinearInput::kMlp, mlp_input.flatten(0, 1));
  const at::Tensor mlp_hidden = silu_times(linear(block, 4, mlp_input), linear(block, 5, mlp_input));
  if (observe) observe(LinearInput::kMlpHidden, mlp_hidden.flatten(0, 1));
  return linear(block, 6, mlp_hidden).add_(middle);
}

}  // namespace sparsecim
