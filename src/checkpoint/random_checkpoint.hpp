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
      std::normal_distribution<float> normal(0, info.shape.size() == 1 ? 0.3f : 0.7f / std::sqrt(info.shape.back()));
      std::vector<float>& values = values_[info.name];
      for (std::int64_t i = 0; i < info.elements(); ++i)
        values.push_back(normal(random) + (info.shape.size() == 1 ? 1.0f : 0.0f));
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

  std::vector<float>& values(const std::string& name) { return values_.at(name); }
  const std::vector<float>& values(const std::string& name) const { return values_.at(name); }

  const ModelConfig& config() const override { return config_; }
  std::span<const TensorInfo> tensors() const override { return infos_; }
  Result<void> read(const TensorInfo& info, std::span<float> out) const override {
    if (info.name == broken) return fail("{}: it cannot be read", info.name);
    std::ranges::copy(values_.at(info.name), out.begin());
    return {};
  }
  Result<Vocabulary> vocabulary() const override { return fail("a random model has no vocabulary"); }
  std::vector<std::filesystem::path> files() const override { return {}; }

  std::string broken;  // the name of a tensor whose reading fails

 private:
  ModelConfig config_;
  std::vector<TensorInfo> infos_;
  std::map<std::string, std::vector<float>> values_;
};

}  // namespace sparsecim
