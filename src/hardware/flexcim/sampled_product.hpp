#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "hardware/flexcim/flexcim.hpp"

namespace sparsecim {

/// How much of a matrix is computed bit by bit.
struct FlexcimSampleSize {
  std::int64_t strips = 2;  // of outputs, a macro's columns wide, each with the tiles of all inputs
  std::int64_t tokens = 4;
};

/// A weight matrix as FlexCiM's macros hold it, a sample of whose products the functional model computes bit by bit:
/// what a fast product of the whole matrix is held against.
class FlexcimSampledProduct {
 public:
  /// Keeps the strips, evenly spread, the last one (which may be narrower) among them. `weights` [n_outputs, n_inputs]
  /// row-major; `pattern` is what the macros run it as. REQUIRES: validate(parameters); 1 <= n_inputs divides
  /// weights.size(), which is not 0; a size of at least 1 x 1. Errors: a block with more than N weights; pairs that
  /// columns cannot share; a sum that can overflow the partial sums of the macro for some activations.
  static Result<FlexcimSampledProduct> of(const FlexcimParameters& parameters, Pattern pattern,
                                          std::span<const std::int8_t> weights, std::int64_t n_inputs,
                                          const FlexcimSampleSize& size);

  std::int64_t tiles() const { return strips_ * input_tiles_; }
  std::int64_t sampled_tiles() const { return std::ssize(sample_) * input_tiles_; }
  /// Bits that hold every partial sum of the matrix, whatever the activations and the order of the tiles.
  std::int64_t partial_sum_bits() const { return partial_sum_bits_; }

  /// Compares `sums` [n_tokens, n_outputs], which somebody says are those of `activations` [n_tokens, n_inputs], with
  /// the functional model's over the sampled strips and tokens evenly spread; returns how many tokens. REQUIRES: those
  /// sizes. Errors: the first sum that differs, with both; a register of the macro that overflows.
  Result<std::int64_t> compare(std::span<const std::int8_t> activations, std::span<const std::int32_t> sums) const;

 private:
  struct Strip {
    std::int64_t first_output, n_outputs;
    std::vector<std::int8_t> weights;  // [n_outputs, n_inputs]
  };

  FlexcimSampledProduct(const FlexcimParameters& parameters, Pattern pattern, std::int64_t n_inputs,
                        std::int64_t n_outputs, std::int64_t n_tokens);
  Result<void> compare(const Strip& strip, std::span<const std::int64_t> tokens,
                       std::span<const std::int8_t> activations, std::span<const std::int32_t> sums) const;

  FlexcimParameters parameters_;
  Pattern pattern_;
  std::int64_t n_inputs_, n_outputs_, most_tokens_;
  std::int64_t strips_, input_tiles_, partial_sum_bits_ = 0;
  std::vector<Strip> sample_;
};

/// `count` of the numbers 0 .. n - 1, evenly spread with the last one among them; all where there are no more.
std::vector<std::int64_t> evenly_spread(std::int64_t n, std::int64_t count);

}  // namespace sparsecim
