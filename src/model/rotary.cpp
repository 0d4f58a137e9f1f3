#include "model/rotary.hpp"

namespace sparsecim {

/// cos and sin of position * theta^(-2i/head_dim), for both halves (arXiv 2104.09864, equation 15).
RotaryTable::RotaryTable(const ModelConfig& config, at::Device device) {
  const auto options = at::TensorOptions(device).dtype(at::kFloat);
  const at::Tensor exponents = at::arange(0, config.head_dim, 2, options) / static_cast<double>(config.head_dim);
  const at::Tensor frequencies = 1.0 / at::pow(config.rope_theta, exponents);  // [head_dim/2]
  const at::Tensor angles =
      at::outer(at::arange(config.max_positions, options), frequencies);  // [positions, head_dim/2]
  const at::Tensor both = at::cat({angles, angles}, -1);
  cosine_ = both.cos();
  sine_ = both.sin();
}

Rotation RotaryTable::at(std::int64_t start, std::int64_t tokens) const {
  return {cosine_.narrow(0, start, tokens), sine_.narrow(0, start, tokens)};
}

at::Tensor rotate(const at::Tensor& x, const Rotation& rotation) {
  const auto halves = x.chunk(2, -1);
  const at::Tensor turned = at::cat({-halves[1], halves[0]}, -1);
  return (x * rotation.cosine + turned * rotation.sine).to(x.scalar_type());
}

}  // namespace sparsecim
