#pragma once

#include <span>

#include "checkpoint/config.hpp"

namespace sparsecim {

/// What LLaMA 3's scaling multiplies the frequency of a pair by that turns once in `wavelength` positions.
double llama3_slowing(const RopeScaling& scaling, double wavelength);

/// What LLaMA 3's scaling divides each of RoPE's head_dim/2 frequencies by.
std::vector<double> llama3_divisors(const ModelConfig& config);

/// The scaling that divides RoPE's frequencies by these `factors`, as far as float32 tells: none, linear, or LLaMA 3's,
/// with a ratio of 4 between `high_freq_factor` and `low_freq_factor` and its slowest frequency scaled in full, as in
/// all its models. Errors: another number of factors than head_dim/2; factors of no such scaling.
Result<RopeScaling> scaling_of_factors(std::span<const float> factors, const ModelConfig& config);

}  // namespace sparsecim
