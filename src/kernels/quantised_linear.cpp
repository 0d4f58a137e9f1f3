#include "kernels/quantised_linear.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "base/threads.hpp"
#include "kernels/quantise.hpp"

namespace sparsecim {
namespace {

/// Sums that wait for their scales: 64 MiB, however many outputs (a vocabulary) and tokens there are.
constexpr std::int64_t kMostSums = 1 << 24;
constexpr std::int64_t kSumsWorthThreads = 1 << 18;

void scale_row(std::span<const std::int32_t> sums, float token_scale, std::span<const float> scales, float* outputs) {
  for (std::size_t o = 0; o < sums.size(); ++o) outputs[o] = static_cast<float>(sums[o]) * token_scale * scales[o];
}

}  // namespace

QuantisedLinear::QuantisedLinear(std::span<const std::int8_t> weights, std::span<const float> scales,
                                 std::int64_t n_inputs)
    : weights_(weights, n_inputs), scales_(scales.begin(), scales.end()) {
  SC_CHECK(std::ssize(scales) == weights_.n_outputs());
}

Result<QuantisedLinear> QuantisedLinear::quantised(std::span<const float> weights, std::int64_t n_inputs) {
  SC_CHECK(n_inputs >= 1 && std::ssize(weights) % n_inputs == 0);
  if (n_inputs > kMostInt8Inputs)
    return fail("{} inputs can overflow the 32 bits of a sum; at most {}", n_inputs, kMostInt8Inputs);
  std::vector<std::int8_t> integers(weights.size());
  std::vector<float> scales(weights.size() / static_cast<std::size_t>(n_inputs));
  SC_TRY(quantise_rows(weights, n_inputs, integers, scales));
  return QuantisedLinear(integers, scales, n_inputs);
}

Result<void> QuantisedLinear::forward(std::span<const float> activations, std::span<float> outputs) const {
  SC_CHECK(std::ssize(activations) % n_inputs() == 0);
  const std::int64_t n_tokens = std::ssize(activations) / n_inputs();
  SC_CHECK(std::ssize(outputs) == n_tokens * n_outputs());
  std::vector<std::int8_t> integers(activations.size());
  std::vector<float> token_scales(static_cast<std::size_t>(n_tokens));
  SC_TRY(quantise_rows(activations, n_inputs(), integers, token_scales));
  const std::int64_t most_tokens = std::clamp<std::int64_t>(kMostSums / std::max<std::int64_t>(n_outputs(), 1), 1,
                                                            std::max<std::int64_t>(n_tokens, 1));
  std::vector<std::int32_t> sums(static_cast<std::size_t>(most_tokens * n_outputs()));
  for (std::int64_t first = 0; first < n_tokens; first += most_tokens) {
    const std::int64_t tokens = std::min(most_tokens, n_tokens - first);
    const std::span<std::int32_t> used = std::span(sums).first(static_cast<std::size_t>(tokens * n_outputs()));
    const std::span<const std::int8_t> inputs(integers.data() + first * n_inputs(),
                                              static_cast<std::size_t>(tokens * n_inputs()));
    weights_.multiply(inputs, used);
    if (observe_) observe_(inputs, used);
    const auto scale = [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t token = begin; token < end; ++token)
        scale_row({used.data() + token * n_outputs(), static_cast<std::size_t>(n_outputs())},
                  token_scales[static_cast<std::size_t>(first + token)], scales_,
                  outputs.data() + (first + token) * n_outputs());
    };
    std::ssize(used) < kSumsWorthThreads ? scale(0, tokens) : parallel_for(tokens, scale);
  }
  return {};
}

}  // namespace sparsecim
