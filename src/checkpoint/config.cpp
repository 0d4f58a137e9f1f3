#include "checkpoint/config.hpp"

#include <algorithm>
#include <cmath>

namespace sparsecim {
namespace {

// No model comes near these; they keep every product of three sizes inside 64 bits.
constexpr std::int64_t kMostLayers = 10'000;
constexpr std::int64_t kMostHeads = 1 << 16;
constexpr std::int64_t kWidest = 1 << 22;
constexpr std::int64_t kLargestVocabulary = 1 << 26;
constexpr std::int64_t kMostPositions = std::int64_t{1} << 40;

struct Range {
  const char* name;
  std::int64_t value, most;
};

Result<void> check_ranges(const ModelConfig& config) {
  for (const auto& [name, value, most] :
       std::initializer_list<Range>{{"number of blocks", config.n_layers, kMostLayers},
                                    {"hidden size", config.hidden_size, kWidest},
                                    {"intermediate size", config.intermediate_size, kWidest},
                                    {"number of heads", config.n_heads, kMostHeads},
                                    {"number of key/value heads", config.n_kv_heads, kMostHeads},
                                    {"head size", config.head_dim, kWidest / std::max<std::int64_t>(config.n_heads, 1)},
                                    {"vocabulary", config.vocab_size, kLargestVocabulary},
                                    {"number of positions", config.max_positions, kMostPositions},
                                    {"sliding window", config.sliding_window.value_or(1), kMostPositions}})
    if (value < 1 || value > most) return fail("the {} is {}, outside 1 .. {}", name, value, most);
  return {};
}

Result<void> check_token_ids(const ModelConfig& config) {
  std::vector<std::int64_t> ids = config.eos_token_ids;
  if (config.bos_token_id) ids.push_back(*config.bos_token_id);
  for (const std::int64_t id : ids)
    if (id < 0 || id >= config.vocab_size)
      return fail("token id {} is not in the vocabulary of {}", id, config.vocab_size);
  return {};
}

Result<void> check_rope(const ModelConfig& config) {
  if (!(config.rope_theta >= 1 && std::isfinite(config.rope_theta)))
    return fail("RoPE's base {} is below 1", config.rope_theta);
  const RopeScaling& scaling = config.rope_scaling;
  if (!(scaling.factor >= 1 && std::isfinite(scaling.factor)))
    return fail("RoPE's scaling factor {} is below 1", scaling.factor);
  if (scaling.kind != RopeScaling::Kind::kLlama3) return {};
  if (!(scaling.low_freq_factor > 0 && scaling.high_freq_factor > scaling.low_freq_factor &&
        std::isfinite(scaling.high_freq_factor)))
    return fail("RoPE's 'low_freq_factor' {} and 'high_freq_factor' {} do not rise from above 0",
                scaling.low_freq_factor, scaling.high_freq_factor);
  if (scaling.original_max_positions < 1 || scaling.original_max_positions > kMostPositions)
    return fail("RoPE's original number of positions is {}, outside 1 .. {}", scaling.original_max_positions,
                kMostPositions);
  return {};
}

/// What the classes of transformers can express: LLaMA has biases on all of q, k, v and o or on none, Mistral none,
/// Qwen2 on q, k and v; windows are Mistral's (every block) and Qwen2's (from some block on).
Result<void> check_architecture(const ModelConfig& config) {
  const bool llama = config.architecture == "llama", qwen2 = config.architecture == "qwen2";
  if (!llama && !qwen2 && config.architecture != "mistral")
    return fail(Remedy{"'llama', 'mistral' and 'qwen2' are"}, "architecture '{}' is not implemented",
                config.architecture);
  const bool biases_fit = llama ? config.qkv_bias == config.output_bias
                                : config.qkv_bias == qwen2 && !config.output_bias && !config.mlp_bias;
  if (!biases_fit) return fail("a model of architecture '{}' has other biases", config.architecture);
  if (llama && config.sliding_window) return fail("a model of architecture 'llama' has no sliding window");
  const std::int64_t last = config.sliding_window && qwen2 ? config.n_layers - 1 : 0;
  if (config.sliding_from_block < 0 || config.sliding_from_block > last)
    return fail("the first block with a sliding window is {}, outside 0 .. {}", config.sliding_from_block, last);
  return {};
}

/// Every matrix of the blocks by its name.
std::map<std::string, LinearShape> linears_by_name(const ModelConfig& config) {
  std::map<std::string, LinearShape> linears;
  for (std::int64_t block = 0; block < config.n_layers; ++block)
    for (LinearShape& linear : block_linears(config)) linears.emplace(matrix_name(block, linear.name), linear);
  return linears;
}

/// The structures belong to matrices of the model and have their shapes.
Result<void> check_monarch(const ModelConfig& config) {
  if (config.monarch.empty()) return {};
  const auto linears = linears_by_name(config);
  for (const auto& [name, shape] : config.monarch) {
    const auto found = linears.find(name);
    if (found == linears.end())
      return fail(Remedy{fmt::format("its first is '{}'", matrix_name(0, block_linears(config)[0].name))},
                  "'monarch': the model has no matrix '{}'", name);
    SC_TRY(within(fmt::format("'monarch': '{}'", name), validate(shape)));
    const LinearShape& linear = found->second;
    if (shape.n_out != linear.n_out || shape.n_in != linear.n_in)
      return fail(Remedy{fmt::format("it must be of [{},{}]", linear.n_out, linear.n_in)},
                  "'monarch': '{}' is of a matrix of shape [{},{}]", name, shape.n_out, shape.n_in);
  }
  return {};
}

void add_matrix(const ModelConfig& config, const std::string& name, const LinearShape& linear,
                std::vector<RequiredTensor>& tensors) {
  const auto found = config.monarch.find(name);
  if (found == config.monarch.end()) return tensors.push_back({name + ".weight", {linear.n_out, linear.n_in}});
  const MonarchShape& shape = found->second;
  tensors.push_back({fmt::format("{}{}", name, kMonarchRight), {shape.blocks, shape.middle, shape.inputs}});
  tensors.push_back({fmt::format("{}{}", name, kMonarchLeft), {shape.blocks, shape.outputs, shape.middle}});
}

}  // namespace

Result<ModelConfig> checked(ModelConfig config) {
  SC_TRY(check_ranges(config));
  if (config.n_heads % config.n_kv_heads != 0)
    return fail("{} heads cannot share {} key/value heads evenly", config.n_heads, config.n_kv_heads);
  if (config.head_dim % 2 != 0) return fail("the head size {} is odd: RoPE turns pairs", config.head_dim);
  if (!(config.rms_norm_eps > 0 && config.rms_norm_eps < 1))
    return fail("the norm's epsilon {} is outside 0 .. 1", config.rms_norm_eps);
  SC_TRY(check_rope(config));
  SC_TRY(check_architecture(config));
  SC_TRY(check_token_ids(config));
  SC_TRY(check_monarch(config));
  return config;
}

std::vector<LinearShape> block_linears(const ModelConfig& config) {
  const std::int64_t hidden = config.hidden_size, wide = config.intermediate_size;
  const std::int64_t q = config.n_heads * config.head_dim, kv = config.n_kv_heads * config.head_dim;
  const bool qkv = config.qkv_bias, mlp = config.mlp_bias;
  return {{"self_attn.q_proj", q, hidden, qkv},  {"self_attn.k_proj", kv, hidden, qkv},
          {"self_attn.v_proj", kv, hidden, qkv}, {"self_attn.o_proj", hidden, q, config.output_bias},
          {"mlp.gate_proj", wide, hidden, mlp},  {"mlp.up_proj", wide, hidden, mlp},
          {"mlp.down_proj", hidden, wide, mlp}};
}

std::optional<std::int64_t> window_of_block(const ModelConfig& config, std::int64_t block) {
  return block < config.sliding_from_block ? std::nullopt : config.sliding_window;
}

std::string matrix_name(std::int64_t block, const std::string& linear) {
  return fmt::format("model.layers.{}.{}", block, linear);
}

Result<void> require_dense(const ModelConfig& config, std::string_view what) {
  if (config.monarch.empty()) return {};
  return fail(Remedy{"use the model that 'sparsecim monarch' read"},
              "the model's matrices are Monarch factors, which {}", what);
}

std::vector<RequiredTensor> required_tensors(const ModelConfig& config) {
  const std::vector<std::int64_t> norm = {config.hidden_size};
  const std::vector<std::int64_t> embedding = {config.vocab_size, config.hidden_size};
  std::vector<RequiredTensor> tensors = {{"model.embed_tokens.weight", embedding}};
  for (std::int64_t block = 0; block < config.n_layers; ++block) {
    tensors.push_back({matrix_name(block, "input_layernorm.weight"), norm});
    for (const LinearShape& linear : block_linears(config)) {
      const std::string name = matrix_name(block, linear.name);
      if (linear.name == "mlp.gate_proj")
        tensors.push_back({matrix_name(block, "post_attention_layernorm.weight"), norm});
      add_matrix(config, name, linear, tensors);
      if (linear.bias) tensors.push_back({name + ".bias", {linear.n_out}});
    }
  }
  tensors.push_back({"model.norm.weight", norm});
  if (!config.tied_embeddings) tensors.push_back({"lm_head.weight", embedding});
  return tensors;
}

}  // namespace sparsecim
