#pragma once

#include <map>
#include <random>
#include <string>
#include <vector>

#include "base/check.hpp"
#include "checkpoint/checkpoint.hpp"

namespace sparsecim {

/// A checkpoint in memory, for tests: random weights that may be changed.
class FakeCheckpoint : public Checkpoint {
 public:
  explicit FakeCheckpoint(ModelConfig config) : config_(std::move(config)) {
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    for (const RequiredTensor& tensor : required_tensors(config_)) {
      infos_.push_back({tensor.name, tensor.shape, "F32", 0});
      std::vector<float>& values = values_[tensor.name];
      values.resize(static_cast<std::size_t>(infos_.back().elements()));
      for (float& value : values) value = normal(random);
    }
  }

  std::vector<float>& values(const std::string& name) { return values_.at(name); }

  const ModelConfig& config() const override { return config_; }
  std::span<const TensorInfo> tensors() const override { return infos_; }
  Result<void> read(const TensorInfo& info, std::span<float> out) const override {
    const std::vector<float>& values = values_.at(info.name);
    SC_CHECK(out.size() == values.size());
    if (info.name == broken) return fail("{}: it cannot be read", info.name);
    std::ranges::copy(values, out.begin());
    return {};
  }
  Result<Vocabulary> vocabulary() const override { return fail("no vocabulary"); }
  std::vector<std::filesystem::path> files() const override { return {}; }

  std::string broken;  // the name of a tensor whose reading fails

 private:
  ModelConfig config_;
  std::vector<TensorInfo> infos_;
  std::map<std::string, std::vector<float>> values_;
};

}  // namespace sparsecim
