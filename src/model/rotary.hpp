#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <mutex>

#include "checkpoint/config.hpp"

namespace sparsecim {

/// Cosines and sines of the rotary angles of neighbouring positions: each [tokens, head_dim], float32.
struct Rotation {
  at::Tensor cosine, sine;
};

/// The rotary embedding's angles (arXiv 2104.09864, section 3.4.2), stretched as the configuration says.
class RotaryTable {
 public:
  RotaryTable(const ModelConfig& config, at::Device device);
  /// The angles of positions start .. start + tokens. The table grows to what is asked for: a model may have 131,072
  /// positions of which a run sees 512. REQUIRES: the model has these positions.
  Rotation at(std::int64_t start, std::int64_t tokens) const;

 private:
  const std::int64_t max_positions_;
  at::Tensor frequencies_;  // [head_dim/2], radians per position
  mutable std::mutex growing_;
  mutable at::Tensor cosine_, sine_;  // [positions so far, head_dim]
};

/// Radians per position of each of head_dim/2 pairs: [head_dim/2], float32.
at::Tensor rotary_frequencies(const ModelConfig& config);

}  // namespace sparsecim
