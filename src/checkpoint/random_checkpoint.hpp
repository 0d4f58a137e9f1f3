#pragma once

// A small model of random weights, in memory: what the tests of other rooms run on.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "checkpoint/checkpoint.hpp"

namespace sparsecim {

class RandomCheckpoint : public Checkpoint {
 public:
  explicit RandomCheckpoint(ModelConfig config, std::uint64_t seed = 1) : config_(std::move(config)) {
    std::mt19937_64 random(seed);
    for (const auto& required : required_tensors(config_)) {
      TensorInfo info{required.name, required.shape, "F32", 0};
      info.bytes = static_cast<std::uint64_t>(info.elements()) * sizeof(float);
      const bool matrix = info.shape.size() == 2, norm = info.name.ends_with("norm.weight");
      std::normal_distribution<float> normal(norm ? 1 : 0, matrix ? 0.7f / std::sqrt(info.shape.back()) : 0.3f);
      std::vector<float>& values = values_[info.name];
      for (std::int64_t i = 0; i < info.elements(); ++i) values.push_back(normal(random));
      infos_.push_back(std::move(info));
    }
  }

  /// Two layers, 4 heads of 2 key-value heads, widths that are no powers of two.
  static ModelConfig tiny() {
    ModelConfig config;
    config.n_layers = 2;
    config.hidden_size = 24;
    config.intermediate_size = 40;
    config.n_heads = 4;
    config.n_kv_heads = 2;
    config.head_dim = 6;
    config.vocab_size = 50;
    config.max_positions = 32;
    return config;
  }

  /// tiny() in every variant that changes what is computed: where a test of another room runs, name and configuration.
  static std::vector<std::pair<std::string, ModelConfig>> variants() {
    std::vector<std::pair<std::string, ModelConfig>> all;
    const auto add = [&](std::string name) -> ModelConfig& { return all.emplace_back(std::move(name), tiny()).second; };
    add("GroupedTied");
    add("Untied").tied_embeddings = false;
    add("AsManyKeysAsQueries").n_kv_heads = 4;
    ModelConfig& biased = add("BiasesEverywhere");
    biased.qkv_bias = biased.output_bias = biased.mlp_bias = true;
    add("LinearScaling").rope_scaling = {.kind = RopeScaling::Kind::kLinear, .factor = 2};
    // The wavelengths of a head of 6 are 6.3, 17 and 46 positions: below 16/2, in between and above 16/0.5.
    ModelConfig& llama3 = add("Llama3Scaling");
    llama3.rope_theta = 20;
    llama3.rope_scaling = {RopeScaling::Kind::kLlama3, 4, 0.5, 2, 16};
    ModelConfig& mistral = add("Mistral");
    mistral.architecture = "mistral";
    mistral.sliding_window = 4;
    ModelConfig& qwen2 = add("Qwen2");
    qwen2.architecture = "qwen2";
    qwen2.qkv_bias = true;
    qwen2.sliding_window = 3;
    qwen2.sliding_from_block = 1;
    return all;
  }

  std::vector<float>& values(const std::string& name) { return values_.at(name); }
  const std::vector<float>& values(const std::string& name) const { return values_.at(name); }

  const ModelConfig& config() const override { return config_; }
  std::span<const TensorInfo> tensors() const override { return infos_; }
  Result<void> read(const TensorInfo& info, std::span<float> out) const override {
    if (info.name == broken) return fail("{}: it cannot be read", info.name);
    std::ranges::copy(values_.at(info.name), out.begin());
    return {};
  }
  /// The letters from 'a' on, one token each; the other ids have none.
  Result<Vocabulary> vocabulary() const override {
    Vocabulary vocabulary;
    for (char letter = 'a'; letter <= 'z' && std::ssize(vocabulary.tokens) < config_.vocab_size; ++letter)
      vocabulary.tokens.push_back({.text = {letter}});
    return vocabulary;
  }
  std::vector<std::filesystem::path> files() const override { return {}; }

  void fill(const std::string& name, float value) { std::ranges::fill(values_.at(name), value); }

  std::string broken;  // the name of a tensor whose reading fails

 private:
  ModelConfig config_;
  std::vector<TensorInfo> infos_;
  std::map<std::string, std::vector<float>> values_;
};

}  // namespace sparsecim
