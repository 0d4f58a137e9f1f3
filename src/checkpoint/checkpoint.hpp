#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "checkpoint/config.hpp"
#include "text/tokenizer.hpp"

namespace sparsecim {

/// A tensor of a checkpoint, under its Hugging Face name.
struct TensorInfo {
  std::string name;                 // "model.layers.0.mlp.up_proj.weight"
  std::vector<std::int64_t> shape;  // [n_out, n_in], row-major
  std::string storage;              // "F32" "F16" "BF16" "Q8_0" "Q4_0" "Q4_1"
  std::uint64_t bytes;              // as stored
  std::int64_t elements() const;
};

/// One view over every format: named tensors, memory-mapped, dequantised when read; the model's configuration; its
/// vocabulary. What open_checkpoint returns has been checked: every tensor that the configuration asks for is there,
/// with its shape, inside the file, overlapping no other.
class Checkpoint {
 public:
  virtual ~Checkpoint() = default;

  virtual const ModelConfig& config() const = 0;
  /// In the order of the file(s).
  virtual std::span<const TensorInfo> tensors() const = 0;
  /// Dequantises to float32, in Hugging Face row order, whatever the file's. REQUIRES: `info` is of tensors(),
  /// out.size() == info.elements(). Errors: a value that is not finite.
  virtual Result<void> read(const TensorInfo& info, std::span<float> out) const = 0;
  /// Without added tokens that the embedding has no row for. Errors: no vocabulary beside the weights, one of a kind
  /// that we do not have, or one with more tokens of its own than the embedding has rows.
  virtual Result<Vocabulary> vocabulary() const = 0;
  /// Every file that was read: what result files hash.
  virtual std::vector<std::filesystem::path> files() const = 0;

  /// The tensor of this name, or null.
  const TensorInfo* find(std::string_view name) const;
};

/// A directory in Hugging Face layout, a .gguf, a llama2.c .bin, or the name of a model that tools/fetch-model put
/// into the cache ("smollm2-135m", "hf:OWNER/MODEL").
Result<std::unique_ptr<Checkpoint>> open_checkpoint(const std::filesystem::path& model);

/// What to call a model that open_checkpoint opens: "SmolLM2" of "models/SmolLM2.gguf" and of the directory
/// "models/SmolLM2/".
std::string display_name(const std::filesystem::path& model);

/// Errors as Checkpoint::vocabulary and make_tokenizer.
Result<std::unique_ptr<Tokenizer>> open_tokenizer(const Checkpoint& checkpoint);

}  // namespace sparsecim
