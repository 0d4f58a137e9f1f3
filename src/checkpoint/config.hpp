#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "monarch/monarch.hpp"

namespace sparsecim {

/// How RoPE's frequencies are stretched, so that a model reads longer texts than it was first trained on.
struct RopeScaling {
  enum class Kind {
    kNone,
    kLinear,  // every frequency / factor: arXiv 2306.15595, section 3.2
    kLlama3,  // only slow ones / factor: LLaMA 3.1's own, see model/rotary.hpp
  };
  Kind kind = Kind::kNone;
  double factor = 1;  // at least 1
  // Of kLlama3 only: how many turns within the original context make a frequency slow or fast.
  double low_freq_factor = 1, high_freq_factor = 4;
  std::int64_t original_max_positions = 0;

  bool operator==(const RopeScaling&) const = default;
};

/// A decoder-only transformer of the LLaMA family, in Hugging Face's terms (config.json).
struct ModelConfig {
  std::string architecture = "llama";  // Hugging Face `model_type`: llama, mistral or qwen2
  std::int64_t n_layers = 0;           // num_hidden_layers
  std::int64_t hidden_size = 0;
  std::int64_t intermediate_size = 0;
  std::int64_t n_heads = 0;     // num_attention_heads
  std::int64_t n_kv_heads = 0;  // num_key_value_heads; divides n_heads
  std::int64_t head_dim = 0;
  std::int64_t vocab_size = 0;
  std::int64_t max_positions = 0;  // max_position_embeddings
  double rms_norm_eps = 1e-5;
  double rope_theta = 10000;
  RopeScaling rope_scaling;
  bool qkv_bias = false, output_bias = false;  // of q, k and v; of o
  bool mlp_bias = false;                       // of gate, up and down
  /// A token of block `sliding_from_block` or a later one sees only this many tokens, itself included.
  std::optional<std::int64_t> sliding_window;
  std::int64_t sliding_from_block = 0;
  bool tied_embeddings = true;  // the head is the embedding
  std::optional<std::int64_t> bos_token_id;
  std::vector<std::int64_t> eos_token_ids;  // any of them ends a text
  /// The linear matrices that are stored as two Monarch factors, by matrix_name.
  std::map<std::string, MonarchShape> monarch;

  bool operator==(const ModelConfig&) const = default;
};

/// From config.json, with the defaults of transformers' configuration of that architecture. Errors: an architecture or
/// a variant that is not implemented, by name; sizes that contradict each other or are out of range; the structure of a
/// factored matrix that the model does not have, or of another shape.
Result<ModelConfig> config_from_json(const Json& config);
/// A config.json that `transformers` reads or, of a model with factored matrices, refuses by its `model_type`: it would
/// draw the matrices that it does not find at random.
Json to_json(const ModelConfig& config);

/// The same, once its sizes are known to be in range and to fit each other, and the architecture to have the variants
/// that are set (so that transformers can load an export): what every format's reader ends with. No product of a
/// checked configuration's sizes that makes a tensor's element count overflows.
Result<ModelConfig> checked(ModelConfig config);

/// One linear matrix of a decoder block: what N:M patterns apply to.
struct LinearShape {
  std::string name;  // "self_attn.q_proj", as in "model.layers.{i}.{name}.weight"
  std::int64_t n_out, n_in;
  bool bias = false;  // added to the product: "model.layers.{i}.{name}.bias" [n_out]
};
/// q, k, v, o, gate, up, down, in this order.
std::vector<LinearShape> block_linears(const ModelConfig& config);
/// How many tokens a token of this block sees, itself included; none where it sees all before it.
std::optional<std::int64_t> window_of_block(const ModelConfig& config, std::int64_t block);
/// "model.layers.3.mlp.up_proj", the name under which plans and results know a matrix.
std::string matrix_name(std::int64_t block, const std::string& linear);

/// A tensor that a model of this configuration must have.
struct RequiredTensor {
  std::string name;
  std::vector<std::int64_t> shape;
};
/// Refuses a model with factored matrices for work that changes or counts dense ones. Errors: with `what` for "the
/// model's matrices are Monarch factors, which ...".
Result<void> require_dense(const ModelConfig& config, std::string_view what);
/// In the order of computing: embedding, blocks, norm, head (none where it is tied); a bias behind its matrix. Of a
/// factored matrix the right factor, then the left.
std::vector<RequiredTensor> required_tensors(const ModelConfig& config);

}  // namespace sparsecim
