#pragma once

#include <array>
#include <filesystem>
#include <memory>
#include <string_view>

#include "checkpoint/checkpoint.hpp"

namespace sparsecim {

// One function per format; open_checkpoint (checkpoint.hpp) chooses among them.

/// What stands beside config.json and the weights in a Hugging Face directory: export takes it over as it is.
inline constexpr std::array<std::string_view, 7> kCompanions = {
    "tokenizer.json",    "tokenizer.model",     "tokenizer_config.json", "special_tokens_map.json",
    "added_tokens.json", "chat_template.jinja", "generation_config.json"};

/// A directory with config.json and model.safetensors, or its shards under model.safetensors.index.json. Where both are
/// there model.safetensors is read, as by transformers.
Result<std::unique_ptr<Checkpoint>> open_hugging_face(const std::filesystem::path& directory);
/// A llama2.c .bin (the first version, float32) with its tokenizer beside it.
Result<std::unique_ptr<Checkpoint>> open_llama2c(const std::filesystem::path& file);
/// A .gguf of a LLaMA, Mistral or Qwen2.
Result<std::unique_ptr<Checkpoint>> open_gguf(const std::filesystem::path& file);

}  // namespace sparsecim
