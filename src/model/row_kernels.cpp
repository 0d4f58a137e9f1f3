#include "model/row_kernels.hpp"

#include <array>
#include <bit>
#include <cmath>

// One version per level of the x86-64 psABI: 4 has AVX-512, 3 AVX2 and FMA.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define SC_EACH_CPU __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define SC_EACH_CPU
#endif
#define SC_INLINE [[gnu::always_inline]] inline

namespace sparsecim {
namespace {

/// Sums that run side by side, so that an order of adding is given which vectors can follow: two AVX-512 registers.
constexpr std::int64_t kLanes = 32;

SC_INLINE float widen(float x) { return x; }
SC_INLINE float widen(Bfloat x) { return std::bit_cast<float>(static_cast<std::uint32_t>(x) << 16); }

SC_INLINE void narrow_to(float& out, float x) { out = x; }
/// To the nearest, ties to even; NaN stays NaN.
SC_INLINE void narrow_to(Bfloat& out, float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  out = static_cast<Bfloat>(x != x ? 0x7fc0u : rounded);
}

/// 2^x, with x below -126 taken as -126 and above 127 as 127. Relative error below 2e-7: 2^x = 2^k e^(f ln 2) with k
/// whole and |f| <= 1/2, where the next term of the series, (ln 2 / 2)^8 / 8!, is 5e-9.
SC_INLINE float power_of_two(float x) {
  x = x < -126.0f ? -126.0f : x;
  x = x > 128.0f ? 128.0f : x;
  constexpr float kRound = 12582912.0f;  // 1.5 x 2^23: adding it leaves the nearest whole number in the low bits
  const float shifted = x + kRound;
  const float y = (x - (shifted - kRound)) * 0.693147180559945f;
  float series = 1.0f / 5040;
  series = series * y + 1.0f / 720;
  series = series * y + 1.0f / 120;
  series = series * y + 1.0f / 24;
  series = series * y + 1.0f / 6;
  series = series * y + 0.5f;
  series = series * y + 1.0f;
  series = series * y + 1.0f;
  const std::uint32_t exponent = (std::bit_cast<std::uint32_t>(shifted) << 23) + std::bit_cast<std::uint32_t>(1.0f);
  return series * std::bit_cast<float>(exponent);
}

template <class T>
SC_INLINE void silu_times_any(const T* gate, const T* up, T* out, std::int64_t n) {
  constexpr float kLog2E = 1.44269504088896f;
  for (std::int64_t i = 0; i < n; ++i) {
    const float x = widen(gate[i]);
    narrow_to(out[i], x / (1.0f + power_of_two(-x * kLog2E)) * widen(up[i]));
  }
}

SC_INLINE float total(const std::array<float, kLanes>& lanes) {
  float sum = 0;
  for (const float lane : lanes) sum += lane;
  return sum;
}

template <class T>
SC_INLINE float sum_of_squares(const T* x, std::int64_t n) {
  std::array<float, kLanes> lanes{};
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    for (std::int64_t lane = 0; lane < kLanes; ++lane) lanes[lane] += widen(x[i + lane]) * widen(x[i + lane]);
  for (; i < n; ++i) lanes[0] += widen(x[i]) * widen(x[i]);
  return total(lanes);
}

template <class T>
SC_INLINE void add_and_norm_any(const T* x, const T* y, const T* weight, float epsilon, T* sum, T* out,
                                std::int64_t n) {
  if (y != nullptr) {
    for (std::int64_t i = 0; i < n; ++i) narrow_to(sum[i], widen(x[i]) + widen(y[i]));
    x = sum;
  }
  const float scale = 1.0f / std::sqrt(sum_of_squares(x, n) / static_cast<float>(n) + epsilon);
  for (std::int64_t i = 0; i < n; ++i) narrow_to(out[i], widen(x[i]) * scale * widen(weight[i]));
}

template <class T>
SC_INLINE void turn_any(T* heads, std::int64_t n_heads, std::int64_t head_dim, const float* cosine, const float* sine) {
  const std::int64_t half = head_dim / 2;
  for (std::int64_t head = 0; head < n_heads; ++head) {
    T* first = heads + head * head_dim;
    T* second = first + half;
    for (std::int64_t i = 0; i < half; ++i) {
      const float a = widen(first[i]), b = widen(second[i]);
      narrow_to(first[i], a * cosine[i] - b * sine[i]);
      narrow_to(second[i], b * cosine[i] + a * sine[i]);
    }
  }
}

template <class T>
SC_INLINE float exp2_scaled_any(const float* scores, float scale, float shift, T* weights, std::int64_t n) {
  std::array<float, kLanes> lanes{};
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    for (std::int64_t lane = 0; lane < kLanes; ++lane) {
      const float weight = power_of_two(scores[i + lane] * scale - shift);
      lanes[lane] += weight;
      narrow_to(weights[i + lane], weight);
    }
  for (; i < n; ++i) {
    const float weight = power_of_two(scores[i] * scale - shift);
    lanes[0] += weight;
    narrow_to(weights[i], weight);
  }
  return total(lanes);
}

template <class T>
SC_INLINE void scaled_into_any(const float* x, float factor, T* out, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) narrow_to(out[i], x[i] * factor);
}

}  // namespace

SC_EACH_CPU void silu_times(const float* gate, const float* up, float* out, std::int64_t n) {
  silu_times_any(gate, up, out, n);
}
SC_EACH_CPU void silu_times(const Bfloat* gate, const Bfloat* up, Bfloat* out, std::int64_t n) {
  silu_times_any(gate, up, out, n);
}

SC_EACH_CPU void add_and_norm(const float* x, const float* y, const float* weight, float epsilon, float* sum,
                              float* out, std::int64_t n) {
  add_and_norm_any(x, y, weight, epsilon, sum, out, n);
}
SC_EACH_CPU void add_and_norm(const Bfloat* x, const Bfloat* y, const Bfloat* weight, float epsilon, Bfloat* sum,
                              Bfloat* out, std::int64_t n) {
  add_and_norm_any(x, y, weight, epsilon, sum, out, n);
}

SC_EACH_CPU void turn(float* heads, std::int64_t n_heads, std::int64_t head_dim, const float* cosine,
                      const float* sine) {
  turn_any(heads, n_heads, head_dim, cosine, sine);
}
SC_EACH_CPU void turn(Bfloat* heads, std::int64_t n_heads, std::int64_t head_dim, const float* cosine,
                      const float* sine) {
  turn_any(heads, n_heads, head_dim, cosine, sine);
}

SC_EACH_CPU float largest(const float* x, std::int64_t n) {
  std::array<float, kLanes> lanes;
  lanes.fill(-INFINITY);
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    for (std::int64_t lane = 0; lane < kLanes; ++lane)
      lanes[lane] = x[i + lane] > lanes[lane] ? x[i + lane] : lanes[lane];
  for (; i < n; ++i) lanes[0] = x[i] > lanes[0] ? x[i] : lanes[0];
  float result = lanes[0];
  for (const float lane : lanes) result = lane > result ? lane : result;
  return result;
}

SC_EACH_CPU float exp2_scaled(const float* scores, float scale, float shift, float* weights, std::int64_t n) {
  return exp2_scaled_any(scores, scale, shift, weights, n);
}
SC_EACH_CPU float exp2_scaled(const float* scores, float scale, float shift, Bfloat* weights, std::int64_t n) {
  return exp2_scaled_any(scores, scale, shift, weights, n);
}

SC_EACH_CPU void scale_by(float* x, float factor, std::int64_t n) { scaled_into_any(x, factor, x, n); }
SC_EACH_CPU void scaled_into(const float* x, float factor, float* out, std::int64_t n) {
  scaled_into_any(x, factor, out, n);
}
SC_EACH_CPU void scaled_into(const float* x, float factor, Bfloat* out, std::int64_t n) {
  scaled_into_any(x, factor, out, n);
}

}  // namespace sparsecim
