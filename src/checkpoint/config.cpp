#include "checkpoint/config.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace sparsecim {
namespace {

// No model comes near these; they keep every product of three sizes inside 64 bits.
constexpr std::int64_t kMostLayers = 10'000;
constexpr std::int64_t kMostHeads = 1 << 16;
constexpr std::int64_t kWidest = 1 << 22;
constexpr std::int64_t kLargestVocabulary = 1 << 26;
constexpr std::int64_t kMostPositions = std::int64_t{1} << 40;

/// A key of config.json that changes what a LLaMA computes, and the one value that we implement; absent and null mean
/// that value too.
struct Fixed {
  const char* key;
  Json only;
};

Result<void> check_variant(const Json& json) {
  static const std::array<Fixed, 7> kFixed = {{{"hidden_act", "silu"},
                                               {"attention_bias", false},
                                               {"mlp_bias", false},
                                               {"rope_interleaved", false},
                                               {"partial_rotary_factor", 1.0},
                                               {"sliding_window", nullptr},
                                               {"quantization_config", nullptr}}};
  for (const auto& [key, only] : kFixed)
    if (has(json, key) && json[key] != only)
      return fail("'{}' is {}, which is not implemented (only {} is)", key, json[key].dump(), only.dump());
  return {};
}

/// A size, a number or a switch that may be absent.
Result<std::int64_t> size_or(const Json& json, const char* key, std::int64_t otherwise) {
  return has(json, key) ? get_integer(json, key, 1, INT64_MAX) : otherwise;
}
Result<double> number_or(const Json& json, const char* key, double otherwise) {
  return has(json, key) ? get_number(json, key) : otherwise;
}
Result<bool> bool_or(const Json& json, const char* key, bool otherwise) {
  return has(json, key) ? get_bool(json, key) : otherwise;
}

/// RoPE's settings: at the top level, or together in `rope_parameters` since transformers 5.
Result<double> rope_theta(const Json& json) {
  SC_TRY_ASSIGN(double theta, number_or(json, "rope_theta", 10000));  // LlamaConfig's default
  for (const char* group : {"rope_scaling", "rope_parameters"}) {
    if (!has(json, group)) continue;
    const Json& rope = json[group];
    for (const char* key : {"rope_type", "type"})
      if (has(rope, key) && rope[key] != "default")
        return fail("RoPE scaling of type {} is not implemented ('{}')", rope[key].dump(), group);
    SC_TRY_ASSIGN(theta, number_or(rope, "rope_theta", theta));
  }
  return theta;
}

Result<void> read_sizes(const Json& json, ModelConfig& config) {
  SC_TRY_ASSIGN(config.n_layers, get_integer(json, "num_hidden_layers", 1, kMostLayers));
  SC_TRY_ASSIGN(config.hidden_size, get_integer(json, "hidden_size", 1, kWidest));
  SC_TRY_ASSIGN(config.intermediate_size, get_integer(json, "intermediate_size", 1, kWidest));
  SC_TRY_ASSIGN(config.n_heads, get_integer(json, "num_attention_heads", 1, kMostHeads));
  SC_TRY_ASSIGN(config.vocab_size, get_integer(json, "vocab_size", 1, kLargestVocabulary));
  SC_TRY_ASSIGN(config.n_kv_heads, size_or(json, "num_key_value_heads", config.n_heads));
  SC_TRY_ASSIGN(config.max_positions, size_or(json, "max_position_embeddings", 2048));  // LlamaConfig's default
  if (!has(json, "head_dim") && config.hidden_size % config.n_heads != 0)
    return fail("'hidden_size' {} is not a multiple of 'num_attention_heads' {}", config.hidden_size, config.n_heads);
  SC_TRY_ASSIGN(config.head_dim, size_or(json, "head_dim", config.hidden_size / config.n_heads));
  return {};
}

Result<void> read_token_ids(const Json& json, ModelConfig& config) {
  if (has(json, "bos_token_id")) {
    SC_TRY_ASSIGN(config.bos_token_id, get_integer(json, "bos_token_id", 0, INT64_MAX));
  }
  if (!has(json, "eos_token_id")) return {};
  const Json& eos = json["eos_token_id"];
  for (const Json& id : eos.is_array() ? eos : Json::array({eos})) {
    SC_TRY_ASSIGN(const std::int64_t value, get_integer(Json{{"eos_token_id", id}}, "eos_token_id", 0, INT64_MAX));
    config.eos_token_ids.push_back(value);
  }
  return {};
}

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
                                    {"number of positions", config.max_positions, kMostPositions}})
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

}  // namespace

Result<ModelConfig> checked(ModelConfig config) {
  SC_TRY(check_ranges(config));
  if (config.n_heads % config.n_kv_heads != 0)
    return fail("{} heads cannot share {} key/value heads evenly", config.n_heads, config.n_kv_heads);
  if (config.head_dim % 2 != 0) return fail("the head size {} is odd: RoPE turns pairs", config.head_dim);
  if (!(config.rms_norm_eps > 0 && config.rms_norm_eps < 1))
    return fail("the norm's epsilon {} is outside 0 .. 1", config.rms_norm_eps);
  if (!(config.rope_theta >= 1 && std::isfinite(config.rope_theta)))
    return fail("RoPE's base {} is below 1", config.rope_theta);
  SC_TRY(check_token_ids(config));
  return config;
}

Result<ModelConfig> config_from_json(const Json& json) {
  ModelConfig config;
  SC_TRY_ASSIGN(config.architecture, get_string(json, "model_type"));
  if (config.architecture != "llama")
    return fail(Remedy{"'llama' is"}, "architecture '{}' is not implemented", config.architecture);
  SC_TRY(check_variant(json));
  SC_TRY(read_sizes(json, config));
  SC_TRY(read_token_ids(json, config));
  SC_TRY_ASSIGN(config.rope_theta, rope_theta(json));
  SC_TRY_ASSIGN(config.rms_norm_eps, number_or(json, "rms_norm_eps", 1e-6));           // LlamaConfig's default
  SC_TRY_ASSIGN(config.tied_embeddings, bool_or(json, "tie_word_embeddings", false));  // likewise
  return checked(std::move(config));
}

Json to_json(const ModelConfig& config) {
  Json json = {{"architectures", {"LlamaForCausalLM"}},
               {"model_type", config.architecture},
               {"hidden_act", "silu"},
               {"num_hidden_layers", config.n_layers},
               {"hidden_size", config.hidden_size},
               {"intermediate_size", config.intermediate_size},
               {"num_attention_heads", config.n_heads},
               {"num_key_value_heads", config.n_kv_heads},
               {"head_dim", config.head_dim},
               {"vocab_size", config.vocab_size},
               {"max_position_embeddings", config.max_positions},
               {"rms_norm_eps", config.rms_norm_eps},
               {"rope_theta", config.rope_theta},
               {"rope_scaling", nullptr},
               {"attention_bias", false},
               {"mlp_bias", false},
               {"tie_word_embeddings", config.tied_embeddings}};
  json["bos_token_id"] = config.bos_token_id ? Json(*config.bos_token_id) : Json();
  const auto& eos = config.eos_token_ids;
  json["eos_token_id"] = eos.size() > 1 ? Json(eos) : eos.empty() ? Json() : Json(eos.front());
  return json;
}

std::vector<LinearShape> block_linears(const ModelConfig& config) {
  const std::int64_t hidden = config.hidden_size, wide = config.intermediate_size;
  const std::int64_t q = config.n_heads * config.head_dim, kv = config.n_kv_heads * config.head_dim;
  return {{"self_attn.q_proj", q, hidden}, {"self_attn.k_proj", kv, hidden}, {"self_attn.v_proj", kv, hidden},
          {"self_attn.o_proj", hidden, q}, {"mlp.gate_proj", wide, hidden},  {"mlp.up_proj", wide, hidden},
          {"mlp.down_proj", hidden, wide}};
}

std::string matrix_name(std::int64_t block, const std::string& linear) {
  return fmt::format("model.layers.{}.{}", block, linear);
}

std::vector<RequiredTensor> required_tensors(const ModelConfig& config) {
  const std::vector<std::int64_t> norm = {config.hidden_size};
  const std::vector<std::int64_t> embedding = {config.vocab_size, config.hidden_size};
  std::vector<RequiredTensor> tensors = {{"model.embed_tokens.weight", embedding}};
  for (std::int64_t block = 0; block < config.n_layers; ++block) {
    tensors.push_back({matrix_name(block, "input_layernorm.weight"), norm});
    for (const auto& [name, n_out, n_in] : block_linears(config)) {
      if (name == "mlp.gate_proj") tensors.push_back({matrix_name(block, "post_attention_layernorm.weight"), norm});
      tensors.push_back({matrix_name(block, name) + ".weight", {n_out, n_in}});
    }
  }
  tensors.push_back({"model.norm.weight", norm});
  if (!config.tied_embeddings) tensors.push_back({"lm_head.weight", embedding});
  return tensors;
}

}  // namespace sparsecim
