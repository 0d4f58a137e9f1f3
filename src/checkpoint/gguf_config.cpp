#include "checkpoint/gguf_config.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "checkpoint/gguf_keys.hpp"
#include "checkpoint/rope_factors.hpp"

// Keys and tensor names: ggml's docs/gguf.md and llama.cpp's gguf-py/gguf/constants.py; what a missing one means:
// llama.cpp's llama-model.cpp (load_hparams).

namespace sparsecim {
namespace {

/// A float32 as the double that people wrote it as: 1e-5, not 9.99999974737875e-06.
double as_written(double value) {
  const std::string digits = fmt::format("{}", static_cast<float>(value));
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

/// The metadata under one architecture's name.
struct ArchitectureKeys {
  const Gguf& gguf;
  std::string architecture;

  std::string key(std::string_view name) const { return fmt::format("{}.{}", architecture, name); }
  bool has(std::string_view name) const { return gguf.find(key(name)); }
  Result<std::int64_t> integer(std::string_view name) const { return integer_of(gguf, key(name)); }
  Result<std::int64_t> integer(std::string_view name, std::int64_t otherwise) const {
    return integer_of(gguf, key(name), otherwise);
  }
  Result<double> number(std::string_view name, double otherwise) const {
    return number_of(gguf, key(name), otherwise).map(as_written);
  }
};

/// Keys that the configuration takes up, or that say nothing of what is computed.
constexpr std::array<std::string_view, 19> kKnown = {"context_length",
                                                     "embedding_length",
                                                     "block_count",
                                                     "feed_forward_length",
                                                     "attention.head_count",
                                                     "attention.head_count_kv",
                                                     "attention.key_length",
                                                     "attention.value_length",
                                                     "attention.sliding_window",
                                                     "attention.layer_norm_rms_epsilon",
                                                     "rope.freq_base",
                                                     "rope.dimension_count",
                                                     "rope.scaling.type",
                                                     "rope.scaling.factor",
                                                     "rope.scale_linear",
                                                     "rope.scaling.original_context_length",
                                                     "rope.scaling.finetuned",
                                                     "vocab_size",
                                                     "tensor_data_layout"};

/// Keys that change nothing as long as they have this value.
struct Neutral {
  std::string_view name;
  double value;
};
constexpr std::array<Neutral, 3> kNeutral = {
    {{"rope.scaling.attn_factor", 1}, {"expert_count", 0}, {"expert_used_count", 0}}};

/// Whether a key leaves the model as we compute it.
Result<bool> is_implemented(const ArchitectureKeys& keys, std::string_view name) {
  if (std::ranges::find(kKnown, name) != kKnown.end()) return true;
  const auto neutral = std::ranges::find(kNeutral, name, &Neutral::name);
  if (neutral == kNeutral.end()) return false;
  return keys.number(name, 0).map([&](double value) { return value == neutral->value; });
}

Result<void> check_keys(const ArchitectureKeys& keys) {
  const std::string prefix = keys.key("");
  std::vector<std::string> names;
  for (const auto& [key, value] : keys.gguf.metadata)
    if (key.starts_with(prefix)) names.push_back(key.substr(prefix.size()));
  std::ranges::sort(names);  // so that the same file is always refused by the same key
  for (const std::string& name : names) {
    SC_TRY_ASSIGN(const bool implemented, is_implemented(keys, name));
    if (!implemented) return fail("metadata '{}': what it asks for is not implemented", keys.key(name));
  }
  return {};
}

Result<ArchitectureKeys> keys_of(const Gguf& gguf) {
  SC_TRY_ASSIGN(std::string architecture, string_of(gguf, "general.architecture", ""));
  if (architecture != "llama" && architecture != "qwen2")
    return fail(Remedy{"'llama' (which Mistral's files are too) and 'qwen2' are"},
                "architecture '{}' is not implemented", architecture);
  SC_TRY_ASSIGN(const std::int64_t n_files, integer_of(gguf, "split.count", 1));
  if (n_files > 1) return fail(Remedy{"merge them by llama-gguf-split"}, "a model in {} files is not read", n_files);
  ArchitectureKeys keys{gguf, std::move(architecture)};
  SC_TRY(check_keys(keys));
  return keys;
}

Result<void> read_sizes(const ArchitectureKeys& keys, ModelConfig& config) {
  SC_TRY_ASSIGN(config.n_layers, keys.integer("block_count"));
  SC_TRY_ASSIGN(config.hidden_size, keys.integer("embedding_length"));
  SC_TRY_ASSIGN(config.intermediate_size, keys.integer("feed_forward_length"));
  SC_TRY_ASSIGN(config.max_positions, keys.integer("context_length"));
  SC_TRY_ASSIGN(config.n_heads, keys.integer("attention.head_count"));
  SC_TRY_ASSIGN(config.n_kv_heads, keys.integer("attention.head_count_kv", config.n_heads));
  const bool has_head_dim = keys.has("attention.key_length");
  if (!has_head_dim && (config.n_heads < 1 || config.hidden_size % config.n_heads != 0))
    return fail("the embedding length {} is not a multiple of the {} heads", config.hidden_size, config.n_heads);
  SC_TRY_ASSIGN(config.head_dim, has_head_dim ? keys.integer("attention.key_length")
                                              : Result<std::int64_t>(config.hidden_size / config.n_heads));
  SC_TRY_ASSIGN(const std::int64_t value_length, keys.integer("attention.value_length", config.head_dim));
  SC_TRY_ASSIGN(const std::int64_t n_turned, keys.integer("rope.dimension_count", config.head_dim));
  if (value_length != config.head_dim || n_turned != config.head_dim)
    return fail("keys of {}, values of {} and RoPE over {} dimensions: only equal ones are implemented",
                config.head_dim, value_length, n_turned);
  return {};
}

const StoredTensor* find_tensor(const Gguf& gguf, std::string_view name) {
  const auto found = std::ranges::find(gguf.tensors, name, [](const StoredTensor& tensor) { return tensor.info.name; });
  return found == gguf.tensors.end() ? nullptr : &*found;
}

/// Scaling by the metadata: linear where there is a factor and no type.
Result<RopeScaling> scaling_of_metadata(const ArchitectureKeys& keys) {
  SC_TRY_ASSIGN(const std::string type, string_of(keys.gguf, keys.key("rope.scaling.type"), "linear"));
  if (type == "none") return RopeScaling{};
  if (type != "linear")
    return fail(Remedy{"'linear' is"}, "metadata '{}': RoPE scaling of type '{}' is not implemented",
                keys.key("rope.scaling.type"), type);
  SC_TRY_ASSIGN(const double older, keys.number("rope.scale_linear", 1));
  SC_TRY_ASSIGN(const double factor, keys.number("rope.scaling.factor", older));
  if (factor == 0 || factor == 1) return RopeScaling{};
  return RopeScaling{.kind = RopeScaling::Kind::kLinear, .factor = factor};
}

/// Scaling by the tensor of factors that LLaMA 3's files carry.
Result<RopeScaling> scaling_of_tensor(const StoredTensor& tensor, const ModelConfig& config) {
  std::vector<float> factors(static_cast<std::size_t>(tensor.info.elements()));
  dequantise(tensor.storage, tensor.bytes, factors);
  if (find_non_finite(factors)) return fail("tensor '{}': a factor is not finite", tensor.info.name);
  return within(fmt::format("tensor '{}'", tensor.info.name), scaling_of_factors(factors, config));
}

Result<void> read_rope(const ArchitectureKeys& keys, ModelConfig& config) {
  SC_TRY_ASSIGN(config.rope_theta, keys.number("rope.freq_base", 10'000));
  SC_TRY_ASSIGN(config.rope_scaling, scaling_of_metadata(keys));
  const StoredTensor* factors = find_tensor(keys.gguf, "rope_freqs.weight");
  if (!factors) return {};
  SC_TRY(checked(config));  // its sizes and RoPE's base, which the factors are compared with
  SC_TRY_ASSIGN(const RopeScaling scaling, scaling_of_tensor(*factors, config));
  if (scaling.kind == RopeScaling::Kind::kNone) return {};
  if (config.rope_scaling.kind != RopeScaling::Kind::kNone)
    return fail("RoPE is scaled by the metadata and by 'rope_freqs.weight': both at once is not implemented");
  config.rope_scaling = scaling;
  return {};
}

void read_biases(const ArchitectureKeys& keys, ModelConfig& config) {
  config.architecture = keys.architecture;
  config.qkv_bias = keys.architecture == "qwen2" || find_tensor(keys.gguf, "blk.0.attn_q.bias");
  config.output_bias = find_tensor(keys.gguf, "blk.0.attn_output.bias");
  config.mlp_bias = find_tensor(keys.gguf, "blk.0.ffn_up.bias");
}

Result<void> read_window(const ArchitectureKeys& keys, ModelConfig& config) {
  SC_TRY_ASSIGN(const std::int64_t window, keys.integer("attention.sliding_window", 0));
  if (window == 0) return {};
  if (keys.architecture == "qwen2")
    return fail("metadata '{}': for which blocks it is is not said", keys.key("attention.sliding_window"));
  config.architecture = "mistral";
  config.sliding_window = window;
  return {};
}

/// A BOS or EOS; SentencePiece's own numbers where a "llama" tokenizer's file gives none, as in llama.cpp.
Result<void> read_token_ids(const Gguf& gguf, ModelConfig& config) {
  SC_TRY_ASSIGN(const std::string tokenizer, string_of(gguf, "tokenizer.ggml.model", ""));
  SC_TRY_ASSIGN(config.bos_token_id, maybe_integer(gguf, "tokenizer.ggml.bos_token_id"));
  SC_TRY_ASSIGN(auto eos, maybe_integer(gguf, "tokenizer.ggml.eos_token_id"));
  SC_TRY_ASSIGN(const auto end_of_turn, maybe_integer(gguf, "tokenizer.ggml.eot_token_id"));
  if (tokenizer == "llama") {
    if (!config.bos_token_id) config.bos_token_id = 1;
    if (!eos) eos = 2;
  }
  if (eos) config.eos_token_ids.push_back(*eos);
  if (end_of_turn && end_of_turn != eos) config.eos_token_ids.push_back(*end_of_turn);
  return {};
}

Result<void> read_norm_and_head(const ArchitectureKeys& keys, ModelConfig& config) {
  if (!keys.has("attention.layer_norm_rms_epsilon"))
    return fail("metadata '{}' is missing", keys.key("attention.layer_norm_rms_epsilon"));
  SC_TRY_ASSIGN(config.rms_norm_eps, keys.number("attention.layer_norm_rms_epsilon", 0));
  config.tied_embeddings = !find_tensor(keys.gguf, "output.weight");
  const StoredTensor* embedding = find_tensor(keys.gguf, "token_embd.weight");
  if (!embedding) return fail("tensor 'token_embd.weight' is missing");
  SC_TRY_ASSIGN(config.vocab_size, keys.integer("vocab_size", embedding->info.shape.front()));
  return {};
}

}  // namespace

Result<ModelConfig> gguf_config(const Gguf& gguf) {
  ModelConfig config;
  SC_TRY_ASSIGN(const ArchitectureKeys keys, keys_of(gguf));
  SC_TRY(read_sizes(keys, config));
  SC_TRY(read_token_ids(gguf, config));
  SC_TRY(read_norm_and_head(keys, config));
  read_biases(keys, config);
  SC_TRY(read_window(keys, config));
  SC_TRY(read_rope(keys, config));
  return checked(std::move(config));
}

bool is_rope_table(const StoredTensor& tensor) {
  return tensor.info.name == "rope_freqs.weight" || tensor.info.name.ends_with(".attn_rot_embd.weight");
}

}  // namespace sparsecim
