#pragma once

#include <functional>

#include "base/file.hpp"
#include "checkpoint/checkpoint.hpp"
#include "checkpoint/storage.hpp"

namespace sparsecim {

/// A tensor as it lies in a file.
struct StoredTensor {
  TensorInfo info;
  Storage storage = Storage::kF32;
  std::span<const std::byte> bytes;
  /// Not 0: the rows of a query or key matrix of that many heads (of a bias, the values, in no blocks), in the order of
  /// Meta's checkpoints, which llama2.c and GGUF keep. They turn neighbouring rows 2j, 2j+1 of a head together by RoPE;
  /// Hugging Face turns rows j and j + head_dim/2, and this is the order in which read() gives them.
  std::int64_t interleaved_heads = 0;
};

/// What a format's reader makes of a file's bytes; `tensors` point into them.
struct Contents {
  ModelConfig config;
  std::vector<StoredTensor> tensors;
};

/// Leaves what the configuration asks for, which must all be there, once, with its shape. Errors also: a tensor that a
/// model of this configuration has no place for, but for those that older files carry and nothing needs.
Result<Contents> complete(Contents contents);

/// The view over mapped files, whatever their format.
class MappedCheckpoint final : public Checkpoint {
 public:
  using VocabularyReader = std::function<Result<Vocabulary>()>;

  /// `contents` point into `maps`; `files` are all that was read, or will be by `vocabulary`.
  MappedCheckpoint(Contents contents, std::vector<MappedFile> maps, std::vector<std::filesystem::path> files,
                   VocabularyReader vocabulary);

  const ModelConfig& config() const override { return config_; }
  std::span<const TensorInfo> tensors() const override { return infos_; }
  /// Keeps none of the file in memory: a checkpoint larger than it can be read tensor after tensor.
  Result<void> read(const TensorInfo& info, std::span<float> out) const override;
  Result<Vocabulary> vocabulary() const override;
  std::vector<std::filesystem::path> files() const override { return files_; }

 private:
  /// The file that the tensor lies in.
  const MappedFile* map_of(const StoredTensor& tensor) const;

  ModelConfig config_;
  std::vector<TensorInfo> infos_;
  std::vector<StoredTensor> stored_;  // beside infos_
  std::vector<MappedFile> maps_;
  std::vector<std::filesystem::path> files_;
  VocabularyReader vocabulary_;
};

}  // namespace sparsecim
