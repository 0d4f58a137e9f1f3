#pragma once

#include <cstdint>

// Loops over rows that the compiler turns into vector code, once for each of the processor's vector widths (chosen when
// the library is loaded), in float32 and bfloat16. Everything between reading and writing is float32, so that a value
// is rounded to bfloat16 once. No row depends on another: callers share them out among threads.

namespace sparsecim {

using Bfloat = std::uint16_t;  // the upper half of a float32: same bits as at::BFloat16

/// out[i] = silu(gate[i]) * up[i], silu(x) = x / (1 + e^-x). `out` may be `gate`.
void silu_times(const float* gate, const float* up, float* out, std::int64_t n);
void silu_times(const Bfloat* gate, const Bfloat* up, Bfloat* out, std::int64_t n);

/// sum = x + y, and out = sum / sqrt(mean(sum^2) + epsilon) * weight (arXiv 1910.07467, equation 4). `sum` may be `x`;
/// where `y` is null, `sum` is not written and the norm is that of `x`.
void add_and_norm(const float* x, const float* y, const float* weight, float epsilon, float* sum, float* out,
                  std::int64_t n);
void add_and_norm(const Bfloat* x, const Bfloat* y, const Bfloat* weight, float epsilon, Bfloat* sum, Bfloat* out,
                  std::int64_t n);

/// Turns the pairs (i, i + head_dim/2) of each of a row's `n_heads` heads by one position's angles, in place (arXiv
/// 2104.09864, equation 34). cosine, sine: [head_dim], of which the second half repeats the first.
void turn(float* heads, std::int64_t n_heads, std::int64_t head_dim, const float* cosine, const float* sine);
void turn(Bfloat* heads, std::int64_t n_heads, std::int64_t head_dim, const float* cosine, const float* sine);

/// The largest of n values; NaN or any of them where there is a NaN.
float largest(const float* x, std::int64_t n);
/// weights[i] = 2^(scale * scores[i] - shift); gives their sum. `weights` may be `scores`.
float exp2_scaled(const float* scores, float scale, float shift, float* weights, std::int64_t n);
float exp2_scaled(const float* scores, float scale, float shift, Bfloat* weights, std::int64_t n);
/// x[i] *= factor
void scale_by(float* x, float factor, std::int64_t n);
/// out[i] = x[i] * factor
void scaled_into(const float* x, float factor, float* out, std::int64_t n);
void scaled_into(const float* x, float factor, Bfloat* out, std::int64_t n);

}  // namespace sparsecim
