#include "model/rotary.hpp"

#include <algorithm>
#include <numbers>
#include <span>

#include "base/check.hpp"

namespace sparsecim {
namespace {

constexpr std::int64_t kFirstPositions = 256;  // the table's length to begin with

/// LLaMA 3.1's: a pair that turns more often than `high_freq_factor` times within the original context stays as it is,
/// one that turns less often than `low_freq_factor` times is slowed down by `factor`, and between them the two are
/// blended linearly in the number of turns (transformers, modeling_rope_utils.py, _compute_llama3_parameters).
float slowed_llama3(const RopeScaling& scaling, float frequency) {
  const double wavelength = 2 * std::numbers::pi / static_cast<double>(frequency);
  const double turns = static_cast<double>(scaling.original_max_positions) / wavelength;
  const double low = scaling.low_freq_factor, high = scaling.high_freq_factor;
  const double kept = std::clamp((turns - low) / (high - low), 0.0, 1.0);
  return static_cast<float>(static_cast<double>(frequency) * (kept + (1 - kept) / scaling.factor));
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
