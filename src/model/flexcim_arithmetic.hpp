#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "hardware/flexcim/sampled_product.hpp"
#include "kernels/quantised_linear.hpp"

namespace sparsecim {

/// A model's products with weights as FlexCiM's macros compute them. Every matrix is stored in macros at the sparsest
/// of their patterns that its zeros satisfy; its sums come from the integer kernels, which are exact, and of every
/// matrix a sample of tiles is also computed bit by bit, over tokens of its first product. Sums that could overflow a
/// macro's registers are refused when a matrix is stored. One object serves a model whose blocks are read again and
/// again.
class FlexcimArithmetic {
 public:
  struct Matrix {
    std::string name;
    Pattern pattern;  // that the macros run it as
    std::int64_t n_inputs, n_outputs;
    std::int64_t tiles, checked_tiles;
    std::int64_t partial_sum_bits;    // that hold its sums, whatever the activations
    std::int64_t checked_tokens = 0;  // 0: no product was asked for yet
  };

  /// REQUIRES: validate(parameters).
  FlexcimArithmetic(FlexcimParameters parameters, FlexcimSampleSize size)
      : parameters_(std::move(parameters)), size_(size) {}

  /// `weights` [n_outputs, n_inputs] row-major. What it returns must not outlive this object. Errors: no pattern of the
  /// macros holds its zeros; as FlexcimSampledProduct::of and QuantisedLinear::quantised.
  Result<QuantisedLinear> store(const std::string& name, std::span<const float> weights, std::int64_t n_inputs);

  /// Errors: the first sum in which the macros and the kernels differ, and of which matrix.
  const Result<void>& outcome() const { return outcome_; }
  const FlexcimParameters& parameters() const { return parameters_; }
  /// All that were stored, in that order.
  const std::vector<Matrix>& matrices() const { return matrices_; }
  std::int64_t tiles() const;
  std::int64_t checked_tiles() const;  // of matrices that a product was asked of

 private:
  void check(std::size_t matrix, const FlexcimSampledProduct& product, std::span<const std::int8_t> activations,
             std::span<const std::int32_t> sums);

  FlexcimParameters parameters_;
  FlexcimSampleSize size_;
  std::vector<Matrix> matrices_;
  Result<void> outcome_;
};

/// patterns (with how many matrices), tiles, checked_tiles, accumulator_bits, merged_bits, partial_sum_bits (the
/// registers'), matrices.
Json to_json(const FlexcimArithmetic& arithmetic);

}  // namespace sparsecim
