#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "checkpoint/checkpoint.hpp"

namespace sparsecim {

/// Weights in few bits: every `group` consecutive inputs of a row share a float16 scale (the last ones of a row may be
/// fewer), each weight is a whole number of them, -2^(bits-1) .. 2^(bits-1) - 1. The scale is the group's weight of
/// largest magnitude over -2^(bits-1), so that this one is met exactly but for the scale's own rounding, and zeros stay
/// zeros: the rule of ggml's Q4_0 (ggml-quants.c, quantize_row_q4_0_ref) at any width.
struct WeightRounding {
  int bits = 4;             // 2 .. 8
  std::int64_t group = 32;  // 8 .. 65536
};
inline constexpr int kScaleBits = 16;

/// "4:32". Errors: anything else; out of range.
Result<WeightRounding> parse_weight_rounding(std::string_view text);
std::string name(const WeightRounding& rounding);

/// weight [n_out, n_in], finite -> the same, as it would be read back. Errors: a scale that float16 does not hold.
Result<at::Tensor> rounded(const at::Tensor& weight, const WeightRounding& rounding);

/// What a model takes when its decoder blocks' matrices are stored so.
struct StoredSize {
  std::int64_t matrix_bits = 0;     // of these matrices: values, positions, scales
  std::int64_t matrix_weights = 0;  // zeros included
  std::int64_t other_weights = 0;   // embeddings, head, norms: 8 bits each, as in every record

  std::int64_t bytes() const { return (matrix_bits + 8 * other_weights + 7) / 8; }
  double bits_per_weight() const { return static_cast<double>(matrix_bits) / static_cast<double>(matrix_weights); }
};

/// Counted on the real zeros: a matrix that holds an N:M (M = 2, 4, 8, 16) stores its N slots of every M with log2(M)
/// position bits each, at the pattern that takes the fewest bits. Errors: the checkpoint's; interrupted.
Result<StoredSize> stored_size(const Checkpoint& checkpoint, const WeightRounding& rounding);

}  // namespace sparsecim
