#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "checkpoint/config.hpp"

namespace sparsecim {

/// Who a token's attention looks at.
enum class Attention {
  kNone,           // the layer mixes tokens by a recurrence, which is no matrix product (RWKV)
  kCausal,         // itself and those before it
  kBidirectional,  // all of its sequence
};

/// A weight matrix by its shape.
struct ShapedMatrix {
  std::string name;  // "self_attn.q_proj", within its layer
  std::int64_t n_out = 0, n_in = 0;
};

/// A run of equal layers.
struct LayerStack {
  std::string layer_name;  // "model.layers.{}", {} is the index
  std::int64_t n_layers = 0;
  std::vector<ShapedMatrix> matrices;  // that every token goes through, in the order of computing
  Attention attention = Attention::kNone;
  std::int64_t n_heads = 0, n_kv_heads = 0, head_dim = 0;  // n_kv_heads divides n_heads; 0 without attention
  std::string attention_behind;  // the matrix of `matrices` that comes before the attention products
  /// Cross-attention, with as many heads: those that the encoder's tokens go through, once per sequence (its keys and
  /// values), and the matrix of `matrices` that comes before its products. Both empty without it.
  std::vector<ShapedMatrix> source_matrices;
  std::string cross_attention_behind;
};

/// What a transformer computes, by shapes alone (docs/formats/shapes.md).
struct ModelShapes {
  std::string name;
  std::int64_t vocabulary = 0;
  std::int64_t max_positions = 0;                        // 0: no limit
  std::optional<LayerStack> encoder = {}, decoder = {};  // at least one
  std::vector<ShapedMatrix> head = {};  // behind the last layer, for one token of every sequence; names are whole

  /// Weights of the layers' matrices: what plans and patterns are about.
  std::int64_t layer_weights() const;
};

/// Errors, each with line and column: not YAML, an unknown, missing or repeated key, a value out of range or not
/// allowed.
Result<ModelShapes> parse_shapes(const std::string& path, const std::string& text);
/// A path, or the name of a shipped file ("llama-3-8b"). Errors also: neither, with the names that there are.
Result<ModelShapes> read_shapes(const std::string& name_or_path);
/// The names that read_shapes knows without a file.
std::vector<std::string> shipped_shapes();
/// Whether read_shapes should be asked, and not open_checkpoint: a shipped name, or a path that ends in .yaml or .yml.
bool names_shapes(const std::string& name_or_path);

/// Of a checkpoint.
ModelShapes shapes_of(const ModelConfig& config, std::string name);

/// Within layer 3: "model.layers.3.mlp.up_proj".
std::string name_in_layer(const LayerStack& stack, std::int64_t layer, const std::string& name);

}  // namespace sparsecim
