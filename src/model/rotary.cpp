#include "model/rotary.hpp"

#include <algorithm>
#include <numbers>
#include <span>

#include "base/check.hpp"
#include "checkpoint/rope_factors.hpp"

namespace sparsecim {
namespace {

constexpr std::int64_t kFirstPositions = 256;  // the table's length to begin with

/// Computed in double and rounded once, as `transformers` does.
float slowed_llama3(const RopeScaling& scaling, float frequency) {
  const double wavelength = 2 * std::numbers::pi / static_cast<double>(frequency);
  return static_cast<float>(static_cast<double>(frequency) * llama3_slowing(scaling, wavelength));
}

}  // namespace

at::Tensor rotary_frequencies(const ModelConfig& config) {
  const at::Tensor exponents = at::arange(0, config.head_dim, 2, at::kFloat) / static_cast<double>(config.head_dim);
  at::Tensor frequencies = 1.0 / at::pow(config.rope_theta, exponents);  // arXiv 2104.09864, equation 15
  const RopeScaling& scaling = config.rope_scaling;
  if (scaling.kind == RopeScaling::Kind::kLinear) frequencies /= scaling.factor;
  if (scaling.kind == RopeScaling::Kind::kLlama3)
    for (float& frequency : std::span(frequencies.data_ptr<float>(), static_cast<std::size_t>(frequencies.numel())))
      frequency = slowed_llama3(scaling, frequency);
  return frequencies;
}

RotaryTable::RotaryTable(const ModelConfig& config, at::Device device)
    : max_positions_(config.max_positions), frequencies_(rotary_frequencies(config).to(device)) {}

Rotation RotaryTable::at(std::int64_t start, std::int64_t tokens) const {
  SC_CHECK(start >= 0 && tokens >= 0 && start + tokens <= max_positions_);
  const std::lock_guard lock(growing_);
  const std::int64_t known = cosine_.defined() ? cosine_.size(0) : 0;
  if (start + tokens > known) {
    const std::int64_t length = std::min(max_positions_, std::max({start + tokens, 2 * known, kFirstPositions}));
    const at::Tensor angles = at::outer(at::arange(length, frequencies_.options()), frequencies_);
    const at::Tensor both = at::cat({angles, angles}, -1);  // [length, head_dim]
    cosine_ = both.cos();
    sine_ = both.sin();
  }
  return {cosine_.narrow(0, start, tokens), sine_.narrow(0, start, tokens)};
}

}  // namespace sparsecim
