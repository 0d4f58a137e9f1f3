#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "kernels/int8_gemm.hpp"

namespace sparsecim {

/// Sees exact sums before they are scaled: `activations` [tokens, n_inputs] quantised, `sums` [tokens, n_outputs].
using SumsObserver = std::function<void(std::span<const std::int8_t> activations, std::span<const std::int32_t> sums)>;

/// A linear layer in the arithmetic of 8-bit compute-in-memory macros: 8-bit weights with a scale per output,
/// activations quantised by token, exact 32-bit sums, scaled back to float. The sums are what FlexCiM's macros give
/// (hardware/flexcim/functional.hpp), bit for bit.
class QuantisedLinear {
 public:
  /// `weights` [n_outputs, n_inputs] row-major, standing for weights[o, i] * scales[o]. REQUIRES: as PackedInt8;
  /// scales [n_outputs].
  QuantisedLinear(std::span<const std::int8_t> weights, std::span<const float> scales, std::int64_t n_inputs);
  /// Quantises `weights` by row, as quantise_rows. Errors: quantise_rows'; more than kMostInt8Inputs inputs.
  static Result<QuantisedLinear> quantised(std::span<const float> weights, std::int64_t n_inputs);

  /// `observe` sees every product from now on, some tokens at a time.
  void observe(SumsObserver observe) { observe_ = std::move(observe); }
  const SumsObserver& observer() const { return observe_; }

  std::int64_t n_inputs() const { return weights_.n_inputs(); }
  std::int64_t n_outputs() const { return weights_.n_outputs(); }

  /// outputs[t, o] = (sum * scale of token t) * scale of output o, in float32. `activations` [n_tokens, n_inputs],
  /// `outputs` [n_tokens, n_outputs] row-major. REQUIRES: those sizes. Errors: quantise_rows' of the activations.
  Result<void> forward(std::span<const float> activations, std::span<float> outputs) const;

 private:
  PackedInt8 weights_;
  std::vector<float> scales_;
  SumsObserver observe_;
};

}  // namespace sparsecim
