#include "checkpoint/rope_factors.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

// LLaMA 3.1's scaling: transformers' _compute_llama3_parameters (modeling_rope_utils.py); as factors on the
// frequencies: llama.cpp's convert_hf_to_gguf.py (LlamaModel.generate_extra_tensors).

namespace sparsecim {
namespace {

constexpr double kTolerance = 1e-5;        // relative, of factors computed and stored in float32
constexpr double kRatio = 4;               // high_freq_factor over low_freq_factor, in every LLaMA 3
constexpr std::int64_t kPublished = 8192;  // original_max_positions, likewise

bool close(double a, double b) { return std::abs(a - b) <= kTolerance * std::abs(b); }

/// The length in positions of one turn of pair `i`.
double wavelength(const ModelConfig& config, std::size_t i) {
  const double exponent = 2 * static_cast<double>(i) / static_cast<double>(config.head_dim);
  return 2 * std::numbers::pi * std::pow(config.rope_theta, exponent);
}

/// LLaMA 3's scaling of which `i` is the first factor above 1: between 1 and the largest, or else a largest.
RopeScaling scaling_seen_at(std::size_t i, std::span<const float> factors, const ModelConfig& config) {
  const double factor = *std::ranges::max_element(factors);
  // smooth, the share of the unscaled frequency: 1/f = (1 - smooth)/factor + smooth; smooth = (original/wavelength -
  // 1)/3.
  const double smooth = (1 / static_cast<double>(factors[i]) - 1 / factor) / (1 - 1 / factor);
  const double original = wavelength(config, i) * (1 + (kRatio - 1) * std::max(smooth, 0.0));
  // Of a largest one only an upper limit of the original length is known.
  const double whole = smooth > kTolerance ? std::round(original) : std::floor(original);
  return {RopeScaling::Kind::kLlama3, factor, 1, kRatio,
          whole >= 1 && whole < 1e15 ? static_cast<std::int64_t>(whole) : 1};
}

bool gives(const RopeScaling& scaling, std::span<const float> factors, ModelConfig config) {
  config.rope_scaling = scaling;
  return std::ranges::equal(factors, llama3_divisors(config), close);
}

}  // namespace

/// A pair that turns more often than `high_freq_factor` times within the original context stays as it is, one that
/// turns less often than `low_freq_factor` times is slowed down by `factor`, and between them the two are blended
/// linearly in the number of turns.
double llama3_slowing(const RopeScaling& scaling, double wavelength) {
  const double turns = static_cast<double>(scaling.original_max_positions) / wavelength;
  const double low = scaling.low_freq_factor, high = scaling.high_freq_factor;
  const double kept = std::clamp((turns - low) / (high - low), 0.0, 1.0);
  return kept + (1 - kept) / scaling.factor;
}

std::vector<double> llama3_divisors(const ModelConfig& config) {
  std::vector<double> divisors;
  for (std::size_t i = 0; i < static_cast<std::size_t>(config.head_dim / 2); ++i)
    divisors.push_back(1 / llama3_slowing(config.rope_scaling, wavelength(config, i)));
  return divisors;
}

Result<RopeScaling> scaling_of_factors(std::span<const float> factors, const ModelConfig& config) {
  if (std::ssize(factors) * 2 != config.head_dim)
    return fail("{} factors for a head of {}", factors.size(), config.head_dim);
  const double factor = *std::ranges::max_element(factors);
  const auto all_are = [&](double value) {
    return std::ranges::all_of(factors, [&](float other) { return close(other, value); });
  };
  if (all_are(1)) return RopeScaling{};
  if (all_are(factor)) return RopeScaling{.kind = RopeScaling::Kind::kLinear, .factor = factor};
  const auto scaled = std::ranges::find_if(factors, [](float other) { return !close(other, 1); });
  const auto first_scaled = static_cast<std::size_t>(scaled - factors.begin());
  for (const RopeScaling& scaling : {RopeScaling{RopeScaling::Kind::kLlama3, factor, 1, kRatio, kPublished},
                                     scaling_seen_at(first_scaled, factors, config)})
    if (factor > 1 && gives(scaling, factors, config)) return scaling;
  return fail("these factors on RoPE's frequencies are not those of LLaMA 3's scaling, and no other is implemented");
}

}  // namespace sparsecim
