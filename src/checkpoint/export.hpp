#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/file.hpp"
#include "base/result.hpp"
#include "checkpoint/checkpoint.hpp"

namespace sparsecim {

/// Changes a tensor's values in place before it is written; called once per tensor, in the order of required_tensors.
/// Of a tensor that the source does not have, a Monarch factor, it gets zeros.
using TensorEdit = std::function<Result<void>(const TensorInfo& info, std::span<float> values)>;

/// Fills a directory, which exists, with a Hugging Face checkpoint that `transformers` loads, made from another
/// checkpoint block by block: model.safetensors, config.json, generation_config.json, tokenizer.json,
/// tokenizer_config.json (the source's own files where it is such a directory itself). F16 and BF16 tensors keep their
/// type, everything else is written as F32, which holds dequantised values exactly. One tensor in memory at a time.
/// Matrices of the source can be written as Monarch factors instead, in the type that the matrix would have.
class CheckpointWriter {
 public:
  /// Structures by the names of the matrices that are written as their factors.
  using Factored = std::map<std::string, MonarchShape>;

  /// `metadata` goes into the safetensors header's __metadata__; `source` must outlive the writer. REQUIRES: the source
  /// has the matrices of `factored`, dense and of these shapes. Errors: too little space, known before anything is
  /// written; a tokenizer that cannot be read.
  static Result<CheckpointWriter> create(const Checkpoint& source, const std::filesystem::path& directory,
                                         const std::map<std::string, std::string>& metadata,
                                         const Factored& factored = {});
  /// A writer whose file stays when it goes away, so that another can go on behind its first `n_blocks`. REQUIRES: the
  /// same source and metadata as that one's. Errors also: the file holds less than these blocks.
  static Result<CheckpointWriter> resume(const Checkpoint& source, const std::filesystem::path& directory,
                                         const std::map<std::string, std::string>& metadata, std::int64_t n_blocks);

  /// Writes what lies in front of block `end` and is not written yet. An empty `edit` changes nothing. REQUIRES: `edit`
  /// leaves values that their 16-bit type holds exactly, as zeros and the old ones are. Errors: as `edit` and
  /// Checkpoint::read; interrupted.
  Result<void> write_blocks(std::int64_t end, const TensorEdit& edit);
  /// Waits until what was written is on the disk.
  Result<void> flush() { return file_.flush(); }
  /// Writes what is left and makes the file appear. Errors: as write_blocks.
  Result<void> commit(const TensorEdit& edit = {});

 private:
  CheckpointWriter(const Checkpoint& source, std::vector<TensorInfo> outputs, OutputFile file, std::size_t next);
  static Result<CheckpointWriter> start(const Checkpoint& source, const ModelConfig& written,
                                        const std::filesystem::path& directory,
                                        std::map<std::string, std::string> metadata,
                                        std::optional<std::int64_t> resumed_blocks);
  Result<void> write_until(std::size_t end, const TensorEdit& edit);

  const Checkpoint* source_;
  std::vector<TensorInfo> outputs_;  // in the order of computing
  OutputFile file_;
  std::size_t next_;  // of outputs_: the first that is not written
};

}  // namespace sparsecim
