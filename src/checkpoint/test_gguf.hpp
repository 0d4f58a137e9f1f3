#pragma once

// Writes GGUF files for tests, byte by byte: ggml's docs/gguf.md.

#include "checkpoint/test_files.hpp"

namespace sparsecim::test_files {

class GgufWriter {
 public:
  static constexpr std::uint32_t kUint32 = 4, kFloat32 = 6, kBool = 7, kString = 8, kArray = 9, kUint64 = 10;
  static constexpr std::uint32_t kF32 = 0, kF16 = 1, kQ8_0 = 8;  // of tensors

  static std::string text(std::string_view value) {
    return little_endian<std::uint64_t>(value.size()) + std::string(value);
  }

  /// A value of any type, by its bytes; replaces what the key had.
  GgufWriter& set(const std::string& key, std::uint32_t type, const std::string& bytes) {
    remove(key);
    metadata_.emplace_back(key, text(key) + little_endian(type) + bytes);
    return *this;
  }
  GgufWriter& set(const std::string& key, std::uint32_t value) { return set(key, kUint32, little_endian(value)); }
  GgufWriter& set(const std::string& key, float value) { return set(key, kFloat32, little_endian(value)); }
  GgufWriter& set(const std::string& key, const char* value) { return set(key, kString, text(value)); }
  GgufWriter& set_array(const std::string& key, std::uint32_t type, std::uint64_t count, const std::string& bytes) {
    return set(key, kArray, little_endian(type) + little_endian(count) + bytes);
  }
  GgufWriter& remove(const std::string& key) {
    std::erase_if(metadata_, [&](const auto& entry) { return entry.first == key; });
    return *this;
  }

  /// A tensor; without an `offset`, behind the one before.
  GgufWriter& tensor(const std::string& name, std::vector<std::int64_t> shape, std::uint32_t type,
                     const std::string& bytes, std::int64_t offset = -1) {
    std::string header = text(name) + little_endian(static_cast<std::uint32_t>(shape.size()));
    for (auto size = shape.rbegin(); size != shape.rend(); ++size) header += little_endian(*size);
    header += little_endian(type);
    pad(data_);
    header += little_endian(offset < 0 ? static_cast<std::int64_t>(data_.size()) : offset);
    data_ += bytes;
    tensors_.push_back(header);
    return *this;
  }

  std::string file() const {
    std::string bytes = "GGUF" + little_endian(version) + little_endian<std::uint64_t>(tensors_.size()) +
                        little_endian<std::uint64_t>(metadata_.size());
    for (const auto& [key, entry] : metadata_) bytes += entry;
    for (const std::string& tensor : tensors_) bytes += tensor;
    pad(bytes);
    return bytes + data_;
  }

  std::uint32_t version = 3;
  std::size_t alignment = 32;

 private:
  void pad(std::string& bytes) const { bytes.resize((bytes.size() + alignment - 1) / alignment * alignment); }

  std::vector<std::pair<std::string, std::string>> metadata_;
  std::vector<std::string> tensors_;
  std::string data_;
};

/// Blocks of Q8_0 of scale 1/64, which hold the values of random_tensors exactly.
inline std::string as_q8_0_bytes(const std::vector<float>& values) {
  std::string bytes;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i % 32 == 0) bytes += little_endian<std::uint16_t>(0x2400);  // 2^-6: exponent 9
    bytes += static_cast<char>(static_cast<int>(values[i] * 64));
  }
  return bytes;
}

inline std::string ggml_name(std::string name) {
  const auto replace = [&](std::string_view from, std::string_view to) {
    if (const auto at = name.find(from); at != std::string::npos) name.replace(at, from.size(), to);
  };
  replace("model.embed_tokens", "token_embd");
  replace("model.norm", "output_norm");
  replace("lm_head", "output");
  replace("model.layers", "blk");
  replace("input_layernorm", "attn_norm");
  replace("post_attention_layernorm", "ffn_norm");
  for (const char* matrix : {"q", "k", "v"})
    replace(fmt::format("self_attn.{}_proj", matrix), fmt::format("attn_{}", matrix));
  replace("self_attn.o_proj", "attn_output");
  for (const char* matrix : {"gate", "up", "down"})
    replace(fmt::format("mlp.{}_proj", matrix), fmt::format("ffn_{}", matrix));
  return name;
}

/// The metadata of a model; its tensors are still to be added. A Mistral calls itself a llama.
inline GgufWriter llama_metadata(const ModelConfig& config) {
  GgufWriter writer;
  const auto u32 = [](std::int64_t value) { return static_cast<std::uint32_t>(value); };
  const std::string name = config.architecture == "qwen2" ? "qwen2" : "llama";
  writer.set("general.architecture", name.c_str())
      .set(name + ".block_count", u32(config.n_layers))
      .set(name + ".embedding_length", u32(config.hidden_size))
      .set(name + ".feed_forward_length", u32(config.intermediate_size))
      .set(name + ".context_length", u32(config.max_positions))
      .set(name + ".attention.head_count", u32(config.n_heads))
      .set(name + ".attention.head_count_kv", u32(config.n_kv_heads))
      .set(name + ".attention.layer_norm_rms_epsilon", static_cast<float>(config.rms_norm_eps))
      .set(name + ".rope.freq_base", static_cast<float>(config.rope_theta))
      .set("tokenizer.ggml.bos_token_id", u32(*config.bos_token_id))
      .set("tokenizer.ggml.eos_token_id", u32(config.eos_token_ids.at(0)));
  return writer;
}

/// Matrices as Q8_0, the rest as float32.
inline GgufWriter llama_gguf(const ModelConfig& config, const std::vector<Tensor>& tensors) {
  GgufWriter writer = llama_metadata(config);
  for (const Tensor& tensor : tensors) {
    const auto values = config.architecture == "qwen2" ? tensor.values : in_metas_order(tensor, config);
    const bool matrix = tensor.shape.size() == 2;
    writer.tensor(ggml_name(tensor.name), tensor.shape, matrix ? GgufWriter::kQ8_0 : GgufWriter::kF32,
                  matrix ? as_q8_0_bytes(values) : as_bytes(values));
  }
  return writer;
}

/// spelling_tokens() as a SentencePiece vocabulary in GGUF.
inline GgufWriter& add_spelling_tokenizer(GgufWriter& writer) {
  std::string texts, scores, types;
  for (std::size_t id = 0; id < 300; ++id) {
    constexpr std::int32_t kNormal = 1, kUnknown = 2, kControl = 3, kByte = 6;
    texts += GgufWriter::text(spelling_tokens()[id]);
    scores += little_endian(spelling_score(id));
    types += little_endian(id == 0 ? kUnknown : id < 3 ? kControl : id < 259 ? kByte : kNormal);
  }
  return writer.set("tokenizer.ggml.model", "llama")
      .set_array("tokenizer.ggml.tokens", GgufWriter::kString, 300, texts)
      .set_array("tokenizer.ggml.scores", GgufWriter::kFloat32, 300, scores)
      .set_array("tokenizer.ggml.token_type", 5, 300, types);
}

}  // namespace sparsecim::test_files
