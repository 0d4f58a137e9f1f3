#pragma once

// Small models and files for tests, written here byte by byte and not by the code under test.

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "base/test_directory.hpp"
#include "checkpoint/config.hpp"

namespace sparsecim::test_files {

namespace fs = std::filesystem;

inline void write_file(const fs::path& path, std::string_view bytes) { std::ofstream(path, std::ios::binary) << bytes; }

inline std::string file_bytes(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

template <class T>
std::string little_endian(T value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

inline std::string as_bytes(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

/// The upper half of each float32: exact for the values of random_tensors.
inline std::string as_bfloat_bytes(const std::vector<float>& values) {
  std::string bytes;
  for (const float value : values) bytes += little_endian(value).substr(2);
  return bytes;
}

inline Json tiny_config_json() {
  return {{"model_type", "llama"},
          {"hidden_size", 64},
          {"intermediate_size", 96},
          {"num_hidden_layers", 2},
          {"num_attention_heads", 4},
          {"num_key_value_heads", 2},
          {"vocab_size", 40},
          {"rms_norm_eps", 1e-5},
          {"max_position_embeddings", 128},
          {"tie_word_embeddings", true},
          {"bos_token_id", 1},
          {"eos_token_id", 2}};
}
inline ModelConfig tiny_config() { return config_from_json(tiny_config_json()).value(); }

struct Tensor {
  std::string name;
  std::vector<std::int64_t> shape;
  std::vector<float> values;
};

/// What the configuration asks for, of values that every 16-bit type holds exactly.
inline std::vector<Tensor> random_tensors(const ModelConfig& config, unsigned seed = 1) {
  std::mt19937 random(seed);
  std::uniform_int_distribution<int> values(-127, 127);
  std::vector<Tensor> tensors;
  for (const auto& [name, shape] : required_tensors(config)) {
    std::int64_t elements = 1;
    for (const std::int64_t size : shape) elements *= size;
    Tensor& tensor = tensors.emplace_back(Tensor{name, shape, {}});
    for (std::int64_t i = 0; i < elements; ++i) tensor.values.push_back(static_cast<float>(values(random)) / 64);
  }
  return tensors;
}

/// A safetensors file of this header and data.
inline std::string safetensors_file(const std::string& header, const std::string& data) {
  return little_endian<std::uint64_t>(header.size()) + header + data;
}

/// As float32 or, of every second tensor, bfloat16.
inline std::string safetensors_file(const std::vector<Tensor>& tensors) {
  Json header = {{"__metadata__", {{"format", "pt"}}}};
  std::string data;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const std::string bytes = i % 2 ? as_bfloat_bytes(tensors[i].values) : as_bytes(tensors[i].values);
    header[tensors[i].name] = {{"dtype", i % 2 ? "BF16" : "F32"},
                               {"shape", tensors[i].shape},
                               {"data_offsets", {data.size(), data.size() + bytes.size()}}};
    data += bytes;
  }
  return safetensors_file(header.dump(), data);
}

inline void write_hugging_face(const fs::path& directory, const Json& config, const std::vector<Tensor>& tensors) {
  write_file(directory / "config.json", config.dump());
  write_file(directory / "model.safetensors", safetensors_file(tensors));
}

/// A query or key matrix [n_heads * head_dim, n_in], or a bias [n_heads * head_dim], in the row order of Meta's
/// checkpoints: rows j and j + head_dim/2 of a head, which RoPE turns together, become rows 2j and 2j+1.
inline std::vector<float> interleave(const std::vector<float>& values, std::int64_t n_heads, std::int64_t head_dim) {
  const auto n_in = static_cast<std::int64_t>(values.size()) / (n_heads * head_dim);
  std::vector<float> out;
  for (std::int64_t head = 0; head < n_heads; ++head)
    for (std::int64_t row = 0; row < head_dim; ++row) {
      const std::int64_t source = head * head_dim + (row % 2 == 0 ? row / 2 : head_dim / 2 + row / 2);
      out.insert(out.end(), values.begin() + source * n_in, values.begin() + (source + 1) * n_in);
    }
  return out;
}

/// As interleave(), where the tensor is of queries or keys; else the values as they are.
inline std::vector<float> in_metas_order(const Tensor& tensor, const ModelConfig& config) {
  const bool q = tensor.name.find("q_proj.") != std::string::npos, k = tensor.name.find("k_proj.") != std::string::npos;
  if (!q && !k) return tensor.values;
  return interleave(tensor.values, q ? config.n_heads : config.n_kv_heads, config.head_dim);
}

/// A llama2.c file; `tensors` are those of random_tensors.
inline std::string llama2c_file(const ModelConfig& config, const std::vector<Tensor>& tensors) {
  std::string file;
  const std::int64_t vocab_size = config.tied_embeddings ? config.vocab_size : -config.vocab_size;
  for (const std::int64_t size : {config.hidden_size, config.intermediate_size, config.n_layers, config.n_heads,
                                  config.n_kv_heads, vocab_size, config.max_positions})
    file += little_endian(static_cast<std::int32_t>(size));
  const auto add_all = [&](std::string_view ending) {
    for (const Tensor& tensor : tensors)
      if (tensor.name.ends_with(ending)) file += as_bytes(in_metas_order(tensor, config));
  };
  for (const char* ending : {"embed_tokens.weight", "input_layernorm.weight", "q_proj.weight", "k_proj.weight",
                             "v_proj.weight", "o_proj.weight", "post_attention_layernorm.weight", "gate_proj.weight",
                             "down_proj.weight", "up_proj.weight", "model.norm.weight"})
    add_all(ending);
  file += std::string(static_cast<std::size_t>(config.max_positions * config.head_dim) * sizeof(float), '\xff');
  add_all("lm_head.weight");
  return file;
}

/// The tiny model with a vocabulary that spells every text: SentencePiece's three special tokens, a token for each
/// byte, then `a` to `z`, the space mark, and some pairs.
inline Json spelling_config_json() {
  Json json = tiny_config_json();
  json["vocab_size"] = 300;
  return json;
}
inline std::vector<std::string> spelling_tokens() {
  std::vector<std::string> tokens = {"<unk>", "<s>", "</s>"};
  for (int byte = 0; byte < 256; ++byte) tokens.push_back(fmt::format("<0x{:02X}>", byte));
  for (char letter = 'a'; letter <= 'z'; ++letter) tokens.emplace_back(1, letter);
  for (const char* token :
       {"\u2581", "th", "the", "\u2581the", "on", "in", "ing", "er", "re", "at", "an", "ha", "st", "ed"})
    tokens.emplace_back(token);
  tokens.resize(300, "zz");
  tokens[299] = "ou";
  return tokens;
}
/// Pairs that come later are merged first; what is never merged has 0.
inline float spelling_score(std::size_t id) { return id < 286 ? 0 : -1000 + static_cast<float>(id); }

/// tokenizer.bin with those: llama2.c's tokenizer.py (export).
inline std::string llama2c_tokenizer_file() {
  std::string file = little_endian<std::int32_t>(6);
  for (std::size_t id = 0; id < 300; ++id) {
    std::string token = spelling_tokens()[id];
    if (id == 1 || id == 2) token = fmt::format("\n{}\n", token);
    if (token.starts_with("\u2581")) token = fmt::format(" {}", token.substr(3));
    file += little_endian(spelling_score(id)) + little_endian(static_cast<std::int32_t>(token.size())) + token;
  }
  return file;
}

}  // namespace sparsecim::test_files
