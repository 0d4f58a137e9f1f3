#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>

#include "base/result.hpp"
#include "checkpoint/checkpoint.hpp"

namespace sparsecim {

/// Changes a tensor's values in place before it is written; called once per tensor, in the order of required_tensors.
using TensorEdit = std::function<Result<void>(const TensorInfo& info, std::span<float> values)>;

/// Fills `directory` (which exists) with a Hugging Face checkpoint that `transformers` loads: model.safetensors,
/// config.json, generation_config.json, tokenizer.json, tokenizer_config.json (the source's own files where it is such
/// a directory itself). F16 and BF16 tensors keep their type, everything else is written as F32, which holds
/// dequantised values exactly. `metadata` goes into the safetensors header's __metadata__. One tensor in memory at a
/// time. An empty `edit` changes nothing. REQUIRES: `edit` leaves values that their 16-bit type holds exactly, as zeros
/// and the old ones are. Errors: too little space, known before anything is written; a tokenizer that cannot be read;
/// as `edit` and Checkpoint::read.
Result<void> export_checkpoint(const Checkpoint& source, const std::filesystem::path& directory, const TensorEdit& edit,
                               const std::map<std::string, std::string>& metadata);

}  // namespace sparsecim
