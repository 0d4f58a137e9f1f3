#pragma once

#include <filesystem>
#include <memory>

#include "checkpoint/checkpoint.hpp"

namespace sparsecim {

// One function per format; open_checkpoint (checkpoint.hpp) chooses among them.

/// A directory with config.json and model.safetensors.
Result<std::unique_ptr<Checkpoint>> open_hugging_face(const std::filesystem::path& directory);
/// A llama2.c .bin (the first version, float32) with its tokenizer beside it.
Result<std::unique_ptr<Checkpoint>> open_llama2c(const std::filesystem::path& file);
/// A .gguf of a LLaMA.
Result<std::unique_ptr<Checkpoint>> open_gguf(const std::filesystem::path& file);

}  // namespace sparsecim
