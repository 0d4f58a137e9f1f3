#pragma once

#include <ATen/ATen.h>

#include <cstdint>

#include "checkpoint/config.hpp"

namespace sparsecim {

/// Cosines and sines of the rotary angles of neighbouring positions: each [tokens, head_dim], float32.
struct Rotation {
  at::Tensor cosine, sine;
};

/// The rotary embedding's angles (arXiv 2104.09864, section 3.4.2).
class RotaryTable {
 public:
  RotaryTable(const ModelConfig& config, at::Device device);
  /// The angles of positions start .. start + tokens. REQUIRES: the model has these positions.
  Rotation at(std::int64_t start, std::int64_t tokens) const;

 private:
  at::Tensor cosine_, sine_;  // [max_positions, head_dim]
};

/// Turns the pairs (i, i + head_dim/2), Hugging Face's order, of x [batch, heads, tokens, head_dim].
at::Tensor rotate(const at::Tensor& x, const Rotation& rotation);

}  // namespace sparsecim
