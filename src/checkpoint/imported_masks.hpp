#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "base/result.hpp"
#include "checkpoint/config.hpp"

namespace sparsecim {

/// Which weights stay, of every linear matrix of a model's decoder blocks: made by somebody else.
class ImportedMasks {
 public:
  virtual ~ImportedMasks() = default;
  /// Of the matrix `name` ("model.layers.3.mlp.up_proj"): keep[i] is 1 where weight i stays, row-major, else 0.
  /// REQUIRES: keep.size() is n_out * n_in. Errors: not there, another shape, a value that is neither; a weight that is
  /// not finite.
  virtual Result<void> read(const std::string& name, const LinearShape& shape, std::span<std::uint8_t> keep) const = 0;
  virtual std::vector<std::filesystem::path> files() const = 0;
};

/// FILE.safetensors: a tensor of type BOOL, or U8 of 0 and 1, for every matrix, under its weight's name, with or
/// without
/// ".weight". Anything else is a checkpoint (open_checkpoint) of the same architecture: its weights that are not zero.
/// Errors: the file's; a tensor that is no mask of a model of `config`, another model's checkpoint.
Result<std::unique_ptr<ImportedMasks>> open_masks(const std::filesystem::path& path, const ModelConfig& config);

}  // namespace sparsecim
