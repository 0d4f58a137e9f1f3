#include "checkpoint/gguf_model.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "checkpoint/formats.hpp"

// Keys and tensor names: ggml's docs/gguf.md and llama.cpp's gguf-py/gguf/constants.py.

namespace sparsecim {
namespace {

namespace fs = std::filesystem;

Result<std::int64_t> integer(const Gguf& gguf, const std::string& key) {
  const GgufValue* value = gguf.find(key);
  return value ? within(key, gguf_integer(*value)) : fail("metadata '{}' is missing", key);
}
Result<std::int64_t> integer_or(const Gguf& gguf, const std::string& key, std::int64_t otherwise) {
  return gguf.find(key) ? integer(gguf, key) : otherwise;
}
Result<double> number_or(const Gguf& gguf, const std::string& key, double otherwise) {
  const GgufValue* value = gguf.find(key);
  return value ? within(key, gguf_number(*value)) : otherwise;
}
Result<std::string> string_or(const Gguf& gguf, const std::string& key, std::string_view otherwise) {
  const GgufValue* value = gguf.find(key);
  return value ? within(key, gguf_string(*value)) : std::string(otherwise);
}
Result<std::optional<bool>> maybe_bool(const Gguf& gguf, const std::string& key) {
  const GgufValue* value = gguf.find(key);
  if (!value) return std::optional<bool>();
  return within(key, gguf_bool(*value)).map([](bool known) { return std::optional(known); });
}
Result<std::optional<std::int64_t>> maybe_integer(const Gguf& gguf, const std::string& key) {
  if (!gguf.find(key)) return std::optional<std::int64_t>();
  return integer(gguf, key).map([](std::int64_t known) { return std::optional(known); });
}

template <class Read>  // gguf_strings, gguf_numbers or gguf_integers
auto array_or_empty(const Gguf& gguf, const std::string& key, Read read) -> decltype(read(GgufValue{})) {
  const GgufValue* value = gguf.find(key);
  return value ? within(key, read(*value)) : decltype(read(GgufValue{}))();
}

/// A float32 as the double that people wrote it as: 1e-5, not 9.99999974737875e-06.
double as_written(double value) {
  const std::string digits = fmt::format("{}", static_cast<float>(value));
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

/// Keys under `llama.` that the configuration takes up, or that say nothing of what is computed.
constexpr std::array<std::string_view, 13> kKnown = {"llama.context_length",
                                                     "llama.embedding_length",
                                                     "llama.block_count",
                                                     "llama.feed_forward_length",
                                                     "llama.attention.head_count",
                                                     "llama.attention.head_count_kv",
                                                     "llama.attention.key_length",
                                                     "llama.attention.value_length",
                                                     "llama.rope.freq_base",
                                                     "llama.rope.dimension_count",
                                                     "llama.vocab_size",
                                                     "llama.tensor_data_layout",
                                                     "llama.attention.layer_norm_rms_epsilon"};

/// Keys that change nothing as long as they have this value.
struct Neutral {
  std::string_view key;
  double value;
};
constexpr std::array<Neutral, 6> kNeutral = {{{"llama.rope.scaling.factor", 1},
                                              {"llama.rope.scaling.attn_factor", 1},
                                              {"llama.rope.scale_linear", 1},
                                              {"llama.expert_count", 0},
                                              {"llama.expert_used_count", 0},
                                              {"llama.attention.sliding_window", 0}}};

/// Whether a key under `llama.` leaves the model as we compute it.
Result<bool> is_implemented(const Gguf& gguf, const std::string& key) {
  if (std::ranges::find(kKnown, key) != kKnown.end()) return true;
  if (key == "llama.rope.scaling.type")
    return string_or(gguf, key, "").map([](const std::string& type) { return type == "none"; });
  if (key == "llama.rope.scaling.original_context_length" || key == "llama.rope.scaling.finetuned") return true;
  const auto neutral = std::ranges::find(kNeutral, key, &Neutral::key);
  if (neutral == kNeutral.end()) return false;
  return number_or(gguf, key, 0).map([&](double value) { return value == neutral->value; });
}

Result<void> check_architecture(const Gguf& gguf) {
  SC_TRY_ASSIGN(const std::string architecture, string_or(gguf, "general.architecture", ""));
  if (architecture != "llama") return fail(Remedy{"'llama' is"}, "architecture '{}' is not implemented", architecture);
  SC_TRY_ASSIGN(const std::int64_t n_files, integer_or(gguf, "split.count", 1));
  if (n_files > 1) return fail(Remedy{"merge them by llama-gguf-split"}, "a model in {} files is not read", n_files);
  std::vector<std::string> keys;
  for (const auto& [key, value] : gguf.metadata)
    if (key.starts_with("llama.")) keys.push_back(key);
  std::ranges::sort(keys);  // so that the same file is always refused by the same key
  for (const std::string& key : keys) {
    SC_TRY_ASSIGN(const bool implemented, is_implemented(gguf, key));
    if (!implemented) return fail("metadata '{}': what it asks for is not implemented", key);
  }
  return {};
}

Result<void> read_sizes(const Gguf& gguf, ModelConfig& config) {
  SC_TRY_ASSIGN(config.n_layers, integer(gguf, "llama.block_count"));
  SC_TRY_ASSIGN(config.hidden_size, integer(gguf, "llama.embedding_length"));
  SC_TRY_ASSIGN(config.intermediate_size, integer(gguf, "llama.feed_forward_length"));
  SC_TRY_ASSIGN(config.max_positions, integer(gguf, "llama.context_length"));
  SC_TRY_ASSIGN(config.n_heads, integer(gguf, "llama.attention.head_count"));
  SC_TRY_ASSIGN(config.n_kv_heads, integer_or(gguf, "llama.attention.head_count_kv", config.n_heads));
  const bool has_head_dim = gguf.find("llama.attention.key_length");
  if (!has_head_dim && (config.n_heads < 1 || config.hidden_size % config.n_heads != 0))
    return fail("the embedding length {} is not a multiple of the {} heads", config.hidden_size, config.n_heads);
  SC_TRY_ASSIGN(config.head_dim, has_head_dim ? integer(gguf, "llama.attention.key_length")
                                              : Result<std::int64_t>(config.hidden_size / config.n_heads));
  SC_TRY_ASSIGN(const std::int64_t value_length, integer_or(gguf, "llama.attention.value_length", config.head_dim));
  SC_TRY_ASSIGN(const std::int64_t n_turned, integer_or(gguf, "llama.rope.dimension_count", config.head_dim));
  if (value_length != config.head_dim || n_turned != config.head_dim)
    return fail("keys of {}, values of {} and RoPE over {} dimensions: only equal ones are implemented",
                config.head_dim, value_length, n_turned);
  return {};
}

/// A BOS or EOS; SentencePiece's own numbers where a "llama" tokenizer's file gives none, as in llama.cpp.
Result<void> read_token_ids(const Gguf& gguf, ModelConfig& config) {
  SC_TRY_ASSIGN(const std::string tokenizer, string_or(gguf, "tokenizer.ggml.model", ""));
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

Result<ModelConfig> config_of(const Gguf& gguf) {
  ModelConfig config;
  SC_TRY(check_architecture(gguf));
  SC_TRY(read_sizes(gguf, config));
  SC_TRY(read_token_ids(gguf, config));
  if (!gguf.find("llama.attention.layer_norm_rms_epsilon"))
    return fail("metadata 'llama.attention.layer_norm_rms_epsilon' is missing");
  SC_TRY_ASSIGN(const double epsilon, number_or(gguf, "llama.attention.layer_norm_rms_epsilon", 0));
  SC_TRY_ASSIGN(const double theta, number_or(gguf, "llama.rope.freq_base", 10000));
  config.rms_norm_eps = as_written(epsilon);
  config.rope_theta = as_written(theta);
  const auto named = [&](std::string_view name) {
    return std::ranges::find(gguf.tensors, name, [](const StoredTensor& tensor) { return tensor.info.name; });
  };
  config.tied_embeddings = named("output.weight") == gguf.tensors.end();
  const auto embedding = named("token_embd.weight");
  if (embedding == gguf.tensors.end()) return fail("tensor 'token_embd.weight' is missing");
  SC_TRY_ASSIGN(config.vocab_size, integer_or(gguf, "llama.vocab_size", embedding->info.shape.front()));
  return checked(std::move(config));
}

struct Renamed {
  std::string_view ggml, hugging_face;
};
constexpr std::array<Renamed, 3> kOutside = {{{"token_embd.weight", "model.embed_tokens.weight"},
                                              {"output_norm.weight", "model.norm.weight"},
                                              {"output.weight", "lm_head.weight"}}};
constexpr std::array<Renamed, 9> kInBlock = {{{"attn_norm.weight", "input_layernorm.weight"},
                                              {"attn_q.weight", "self_attn.q_proj.weight"},
                                              {"attn_k.weight", "self_attn.k_proj.weight"},
                                              {"attn_v.weight", "self_attn.v_proj.weight"},
                                              {"attn_output.weight", "self_attn.o_proj.weight"},
                                              {"ffn_norm.weight", "post_attention_layernorm.weight"},
                                              {"ffn_gate.weight", "mlp.gate_proj.weight"},
                                              {"ffn_up.weight", "mlp.up_proj.weight"},
                                              {"ffn_down.weight", "mlp.down_proj.weight"}}};

/// "blk.3.ffn_up.weight" as "model.layers.3.mlp.up_proj.weight"; a name that we do not know as it is.
std::string hugging_face_name(const std::string& name) {
  if (const auto found = std::ranges::find(kOutside, name, &Renamed::ggml); found != kOutside.end())
    return std::string(found->hugging_face);
  std::int64_t block = 0;
  if (!name.starts_with("blk.")) return name;
  const auto [end, error] = std::from_chars(name.data() + 4, name.data() + name.size(), block);
  const std::string_view rest(end, name.data() + name.size());
  if (error != std::errc() || !rest.starts_with('.')) return name;
  const auto found = std::ranges::find(kInBlock, rest.substr(1), &Renamed::ggml);
  return found == kInBlock.end() ? name : matrix_name(block, std::string(found->hugging_face));
}

/// Tables of RoPE that files carry: frequencies, which the configuration gives, and factors on them (Llama-3.1's
/// scaling), which change the model unless they are all one.
Result<bool> is_idle_table(const StoredTensor& tensor) {
  if (tensor.info.name.ends_with(".attn_rot_embd.weight")) return true;
  if (tensor.info.name != "rope_freqs.weight") return false;
  std::vector<float> factors(static_cast<std::size_t>(tensor.info.elements()));
  dequantise(tensor.storage, tensor.bytes, factors);
  if (std::ranges::all_of(factors, [](float factor) { return factor == 1; })) return true;
  return fail("RoPE scaling by 'rope_freqs.weight' is not implemented");
}

}  // namespace

Result<Contents> gguf_contents(Gguf gguf) {
  SC_TRY_ASSIGN(ModelConfig config, config_of(gguf));
  Contents contents{std::move(config), {}};
  for (StoredTensor& tensor : gguf.tensors) {
    SC_TRY_ASSIGN(const bool idle, is_idle_table(tensor));
    if (idle) continue;
    tensor.info.name = hugging_face_name(tensor.info.name);
    // llama.cpp's convert_hf_to_gguf.py (LlamaModel.permute) writes these in Meta's order.
    if (tensor.info.name.ends_with("self_attn.q_proj.weight")) tensor.interleaved_heads = contents.config.n_heads;
    if (tensor.info.name.ends_with("self_attn.k_proj.weight")) tensor.interleaved_heads = contents.config.n_kv_heads;
    contents.tensors.push_back(std::move(tensor));
  }
  return complete(std::move(contents));
}

Result<Vocabulary> gguf_vocabulary(const Gguf& gguf) {
  GgufTokenizer tokenizer;
  SC_TRY_ASSIGN(tokenizer.model_name, string_or(gguf, "general.name", ""));
  SC_TRY_ASSIGN(tokenizer.model, string_or(gguf, "tokenizer.ggml.model", ""));
  SC_TRY_ASSIGN(tokenizer.pre, string_or(gguf, "tokenizer.ggml.pre", ""));
  SC_TRY_ASSIGN(tokenizer.chat_template, string_or(gguf, "tokenizer.chat_template", ""));
  SC_TRY_ASSIGN(tokenizer.tokens, array_or_empty(gguf, "tokenizer.ggml.tokens", gguf_strings));
  SC_TRY_ASSIGN(tokenizer.merges, array_or_empty(gguf, "tokenizer.ggml.merges", gguf_strings));
  SC_TRY_ASSIGN(const auto scores, array_or_empty(gguf, "tokenizer.ggml.scores", gguf_numbers));
  SC_TRY_ASSIGN(const auto types, array_or_empty(gguf, "tokenizer.ggml.token_type", gguf_integers));
  tokenizer.scores.assign(scores.begin(), scores.end());
  for (const std::int64_t type : types)  // saturated: what is out of range is refused with the rest
    tokenizer.token_types.push_back(static_cast<std::int32_t>(std::clamp<std::int64_t>(type, INT32_MIN, INT32_MAX)));
  SC_TRY_ASSIGN(tokenizer.add_bos, maybe_bool(gguf, "tokenizer.ggml.add_bos_token"));
  SC_TRY_ASSIGN(tokenizer.add_eos, maybe_bool(gguf, "tokenizer.ggml.add_eos_token"));
  SC_TRY_ASSIGN(tokenizer.add_space_prefix, maybe_bool(gguf, "tokenizer.ggml.add_space_prefix"));
  SC_TRY_ASSIGN(tokenizer.bos, maybe_integer(gguf, "tokenizer.ggml.bos_token_id"));
  SC_TRY_ASSIGN(tokenizer.eos, maybe_integer(gguf, "tokenizer.ggml.eos_token_id"));
  SC_TRY_ASSIGN(tokenizer.unknown, maybe_integer(gguf, "tokenizer.ggml.unknown_token_id"));
  return vocabulary_from_gguf(std::move(tokenizer));
}

Result<std::unique_ptr<Checkpoint>> open_gguf(const fs::path& file) {
  SC_TRY_ASSIGN(MappedFile map, MappedFile::open(file));
  SC_TRY_ASSIGN(Gguf gguf, within(file.string(), parse_gguf(map.bytes())));
  const auto metadata = std::make_shared<const Gguf>(Gguf{gguf.metadata, {}});
  SC_TRY_ASSIGN(Contents contents, within(file.string(), gguf_contents(std::move(gguf))));
  std::vector<MappedFile> maps;
  maps.push_back(std::move(map));
  return std::make_unique<MappedCheckpoint>(std::move(contents), std::move(maps), std::vector{file}, [file, metadata] {
    return within(file.string(), gguf_vocabulary(*metadata));
  });
}

}  // namespace sparsecim
