#include <algorithm>
#include <array>

#include "checkpoint/config.hpp"

// Keys and defaults: transformers' LlamaConfig, MistralConfig, Qwen2Config and modeling_rope_utils.py (version 5).

namespace sparsecim {
namespace {

/// What the three configurations of transformers differ in.
struct Architecture {
  std::string_view name;       // `model_type`
  const char* causal_lm;       // its class
  std::int64_t n_kv_heads;     // default where the key is absent; 0: as many as heads
  std::int64_t max_positions;  // likewise
};
constexpr std::array<Architecture, 3> kArchitectures = {{{"llama", "LlamaForCausalLM", 0, 2048},
                                                         {"mistral", "MistralForCausalLM", 8, 131'072},
                                                         {"qwen2", "Qwen2ForCausalLM", 32, 32'768}}};

/// In front of the `model_type` of a model with factored matrices.
constexpr std::string_view kFactored = "monarch_";

Result<Architecture> architecture_of(const Json& json) {
  SC_TRY_ASSIGN(std::string name, get_string(json, "model_type"));
  if (name.starts_with(kFactored) && has(json, "monarch")) name.erase(0, kFactored.size());
  const auto found = std::ranges::find_if(kArchitectures, [&](const Architecture& a) { return a.name == name; });
  if (found != kArchitectures.end()) return *found;
  return fail(Remedy{"'llama', 'mistral' and 'qwen2' are"}, "architecture '{}' is not implemented", name);
}

/// A key of config.json that changes what is computed, and the one value that we implement; absent and null mean that
/// value too.
struct Fixed {
  const char* key;
  Json only;
};

Result<void> check_fixed(const Json& json, std::initializer_list<Fixed> fixed) {
  for (const auto& [key, only] : fixed)
    if (has(json, key) && json[key] != only)
      return fail("'{}' is {}, which is not implemented (only {} is)", key, json[key].dump(), only.dump());
  return {};
}

Result<void> check_variant(const Json& json, std::string_view architecture) {
  SC_TRY(check_fixed(json, {{"hidden_act", "silu"},
                            {"rope_interleaved", false},
                            {"partial_rotary_factor", 1.0},
                            {"qk_norm", false},
                            {"use_qk_norm", false},
                            {"num_experts", nullptr},
                            {"num_local_experts", nullptr},
                            {"attn_logit_softcapping", nullptr},
                            {"final_logit_softcapping", nullptr},
                            {"quantization_config", nullptr}}));
  if (architecture != "qwen2") SC_TRY(check_fixed(json, {{"layer_types", nullptr}}));
  if (architecture == "llama") return check_fixed(json, {{"sliding_window", nullptr}});
  if (architecture == "mistral") SC_TRY(check_fixed(json, {{"attention_bias", false}}));
  return check_fixed(json,
                     {{"mlp_bias", false}});  // which transformers overlooks: what such a file means is not certain
}

Result<std::int64_t> size(const Json& json, const char* key) { return get_integer(json, key, 1, INT64_MAX); }
/// A size, a number or a switch that may be absent.
Result<std::int64_t> size_or(const Json& json, const char* key, std::int64_t otherwise) {
  return has(json, key) ? size(json, key) : otherwise;
}
Result<double> number_or(const Json& json, const char* key, double otherwise) {
  return has(json, key) ? get_number(json, key) : otherwise;
}
Result<bool> bool_or(const Json& json, const char* key, bool otherwise) {
  return has(json, key) ? get_bool(json, key) : otherwise;
}

Result<RopeScaling::Kind> rope_kind(const Json& group) {
  const char* key = has(group, "rope_type") ? "rope_type" : "type";  // the latter until 2024
  if (!has(group, key) || group[key] == "default") return RopeScaling::Kind::kNone;
  if (group[key] == "linear") return RopeScaling::Kind::kLinear;
  if (group[key] == "llama3") return RopeScaling::Kind::kLlama3;
  return fail("RoPE scaling of type {} is not implemented; 'linear' and 'llama3' are", group[key].dump());
}

/// A key that we do not know might change the angles.
Result<void> check_rope_keys(const Json& group) {
  constexpr std::array<std::string_view, 8> kKnown = {"rope_type",        "type",
                                                      "rope_theta",       "partial_rotary_factor",
                                                      "factor",           "low_freq_factor",
                                                      "high_freq_factor", "original_max_position_embeddings"};
  for (const auto& [key, value] : group.items())
    if (std::ranges::find(kKnown, key) == kKnown.end()) return fail("'{}' is not implemented", key);
  return check_fixed(group, {{"partial_rotary_factor", 1.0}});
}

Result<void> read_rope_group(const Json& json, const Json& group, ModelConfig& config) {
  RopeScaling& scaling = config.rope_scaling;
  SC_TRY_ASSIGN(scaling.kind, rope_kind(group));
  SC_TRY(check_rope_keys(group));
  SC_TRY_ASSIGN(config.rope_theta, number_or(group, "rope_theta", config.rope_theta));
  if (scaling.kind == RopeScaling::Kind::kNone) return {};
  SC_TRY_ASSIGN(scaling.factor, get_number(group, "factor"));
  if (scaling.kind == RopeScaling::Kind::kLinear) return {};
  SC_TRY_ASSIGN(scaling.low_freq_factor, get_number(group, "low_freq_factor"));
  SC_TRY_ASSIGN(scaling.high_freq_factor, get_number(group, "high_freq_factor"));
  const char* original = "original_max_position_embeddings";  // transformers takes the top level's first
  SC_TRY_ASSIGN(scaling.original_max_positions,
                size_or(has(json, original) ? json : group, original, config.max_positions));
  return {};
}

/// RoPE's settings stand at the top level and in `rope_scaling` or, since transformers 5, all in `rope_parameters`. Of
/// the two groups transformers takes the first that is not empty.
Result<void> read_rope(const Json& json, ModelConfig& config) {
  SC_TRY_ASSIGN(config.rope_theta, number_or(json, "rope_theta", 10'000));
  for (const char* name : {"rope_scaling", "rope_parameters"}) {
    if (!has(json, name)) continue;
    const Json& group = json[name];
    if (!group.is_object()) return fail("'{}' is not an object", name);
    if (!group.empty()) return within(name, read_rope_group(json, group, config));
  }
  return {};
}

Result<void> read_sizes(const Json& json, const Architecture& architecture, ModelConfig& config) {
  SC_TRY_ASSIGN(config.n_layers, size(json, "num_hidden_layers"));
  SC_TRY_ASSIGN(config.hidden_size, size(json, "hidden_size"));
  SC_TRY_ASSIGN(config.intermediate_size, size(json, "intermediate_size"));
  SC_TRY_ASSIGN(config.n_heads, size(json, "num_attention_heads"));
  SC_TRY_ASSIGN(config.vocab_size, size(json, "vocab_size"));
  const bool as_heads = json.contains("num_key_value_heads") || architecture.n_kv_heads == 0;  // where it is null
  SC_TRY_ASSIGN(config.n_kv_heads,
                size_or(json, "num_key_value_heads", as_heads ? config.n_heads : architecture.n_kv_heads));
  SC_TRY_ASSIGN(config.max_positions, size_or(json, "max_position_embeddings", architecture.max_positions));
  if (!has(json, "head_dim") && config.hidden_size % config.n_heads != 0)
    return fail("'hidden_size' {} is not a multiple of 'num_attention_heads' {}", config.hidden_size, config.n_heads);
  SC_TRY_ASSIGN(config.head_dim, size_or(json, "head_dim", config.hidden_size / config.n_heads));
  return {};
}

Result<void> read_biases(const Json& json, ModelConfig& config) {
  config.qkv_bias = config.architecture == "qwen2";
  if (config.architecture != "llama") return {};
  SC_TRY_ASSIGN(config.qkv_bias, bool_or(json, "attention_bias", false));
  config.output_bias = config.qkv_bias;
  SC_TRY_ASSIGN(config.mlp_bias, bool_or(json, "mlp_bias", false));
  return {};
}

/// The first block that slides by Qwen2's `layer_types`, one per block; their number where none does.
Result<std::int64_t> first_sliding(const Json& types, std::int64_t n_layers) {
  if (!types.is_array() || std::ssize(types) != n_layers)
    return fail("'layer_types' is not a list of {} blocks' types", n_layers);
  const auto slides = [](const Json& type) { return type == "sliding_attention"; };
  for (const Json& type : types)
    if (!slides(type) && type != "full_attention") return fail("'layer_types': {} is not implemented", type.dump());
  const auto first = std::find_if(types.begin(), types.end(), slides);
  if (!std::all_of(first, types.end(), slides))
    return fail("'layer_types': full attention behind a sliding window is not implemented");
  return first - types.begin();
}

Result<void> read_qwen2_window(const Json& json, ModelConfig& config) {
  SC_TRY_ASSIGN(std::int64_t first, has(json, "max_window_layers")
                                        ? get_integer(json, "max_window_layers", 0, INT64_MAX)
                                        : Result<std::int64_t>(28));
  SC_TRY_ASSIGN(const bool used, bool_or(json, "use_sliding_window", false));
  const bool none = !used || (json.contains("sliding_window") && json["sliding_window"].is_null());
  if (has(json, "layer_types")) {
    SC_TRY_ASSIGN(first, first_sliding(json["layer_types"], config.n_layers));
    if (none && first < config.n_layers) return fail("'layer_types' asks for a sliding window that is not set");
  }
  if (none || first >= config.n_layers) return {};
  SC_TRY_ASSIGN(config.sliding_window, size_or(json, "sliding_window", 4096));
  config.sliding_from_block = first;
  return {};
}

Result<void> read_window(const Json& json, ModelConfig& config) {
  if (config.architecture == "qwen2") return read_qwen2_window(json, config);
  if (config.architecture != "mistral") return {};
  if (json.contains("sliding_window") && json["sliding_window"].is_null()) return {};  // since version 0.2 of the 7B
  SC_TRY_ASSIGN(config.sliding_window, size_or(json, "sliding_window", 4096));
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

Result<void> read_monarch(const Json& json, ModelConfig& config) {
  if (!has(json, "monarch")) return {};
  const Json& shapes = json["monarch"];
  if (!shapes.is_object()) return fail("'monarch' is not an object");
  for (const auto& [name, shape] : shapes.items()) {
    SC_TRY_ASSIGN(config.monarch[name], within(fmt::format("'monarch': '{}'", name), monarch_shape_from_json(shape)));
  }
  return {};
}

/// Null where nothing is scaled.
Json rope_scaling_json(const RopeScaling& scaling) {
  if (scaling.kind == RopeScaling::Kind::kNone) return nullptr;
  if (scaling.kind == RopeScaling::Kind::kLinear) return {{"rope_type", "linear"}, {"factor", scaling.factor}};
  return {{"rope_type", "llama3"},
          {"factor", scaling.factor},
          {"low_freq_factor", scaling.low_freq_factor},
          {"high_freq_factor", scaling.high_freq_factor},
          {"original_max_position_embeddings", scaling.original_max_positions}};
}

/// The keys that one architecture has and the others have not.
void add_variant(const ModelConfig& config, Json& json) {
  if (config.architecture == "llama") {
    json["attention_bias"] = config.qkv_bias;
    json["mlp_bias"] = config.mlp_bias;
    return;
  }
  json["sliding_window"] = config.sliding_window ? Json(*config.sliding_window) : Json();
  if (config.architecture != "qwen2") return;
  json["use_sliding_window"] = config.sliding_window.has_value();
  json["max_window_layers"] = config.sliding_window ? config.sliding_from_block : config.n_layers;
}

}  // namespace

Result<ModelConfig> config_from_json(const Json& json) {
  ModelConfig config;
  SC_TRY_ASSIGN(const Architecture architecture, architecture_of(json));
  config.architecture = std::string(architecture.name);
  SC_TRY(check_variant(json, config.architecture));
  SC_TRY(read_sizes(json, architecture, config));
  SC_TRY(read_token_ids(json, config));
  SC_TRY(read_rope(json, config));
  SC_TRY(read_biases(json, config));
  SC_TRY(read_window(json, config));
  SC_TRY(read_monarch(json, config));
  SC_TRY_ASSIGN(config.rms_norm_eps, number_or(json, "rms_norm_eps", 1e-6));
  SC_TRY_ASSIGN(config.tied_embeddings, bool_or(json, "tie_word_embeddings", false));
  return checked(std::move(config));
}

Json to_json(const ModelConfig& config) {
  const auto& architecture = *std::ranges::find(kArchitectures, config.architecture, &Architecture::name);
  Json json = {{"architectures", {architecture.causal_lm}},
               {"model_type", fmt::format("{}{}", config.monarch.empty() ? "" : kFactored, config.architecture)},
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
               {"rope_scaling", rope_scaling_json(config.rope_scaling)},
               {"tie_word_embeddings", config.tied_embeddings}};
  add_variant(config, json);
  json["bos_token_id"] = config.bos_token_id ? Json(*config.bos_token_id) : Json();
  const auto& eos = config.eos_token_ids;
  json["eos_token_id"] = eos.size() > 1 ? Json(eos) : eos.empty() ? Json() : Json(eos.front());
  for (const auto& [name, shape] : config.monarch) json["monarch"][name] = to_json(shape);
  return json;
}

}  // namespace sparsecim
