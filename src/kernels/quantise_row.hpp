#pragma once

#include <cstdint>

namespace sparsecim {

// Internal linkage, and nothing of the standard library: each kernel's file compiles its own copy, which the compiler
// vectorises for that file's instruction set.

static inline std::uint32_t bits_of(float value) {
  std::uint32_t bits;
  __builtin_memcpy(&bits, &value, sizeof bits);
  return bits;
}

/// Writes round(values[i] / scale), halves to even, with scale = max |value| / 127, and returns the scale. A row whose
/// scale would be subnormal (zeros, magnitudes below 2^-119) becomes zeros with scale 0. Infinity where a value is
/// infinite or NaN; `quantised` is then not written.
static inline float quantise_row(const float* values, std::int64_t n, std::int8_t* quantised) {
  constexpr std::uint32_t kInfinityBits = 0x7f800000;
  constexpr float kSmallestNormal = 0x1p-126f;
  // Without their signs floats are ordered as their bits are, NaN above infinity.
  std::uint32_t largest_bits = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    const std::uint32_t magnitude = bits_of(values[i]) & 0x7fffffff;
    largest_bits = magnitude > largest_bits ? magnitude : largest_bits;
  }
  if (largest_bits >= kInfinityBits) return __builtin_inff();
  float largest;
  __builtin_memcpy(&largest, &largest_bits, sizeof largest);
  const float scale = largest / 127.0f;
  if (scale < kSmallestNormal) {
    for (std::int64_t i = 0; i < n; ++i) quantised[i] = 0;
    return 0;
  }
  // |value / scale| <= 127 (1 + 2^-23): no clamping needed. Behind 1.5 * 2^23 a float's last bit is one, so the
  // addition rounds to an integer, halves to even, and leaves it in the low bits.
  constexpr float kRounder = 0x1.8p23f;
  for (std::int64_t i = 0; i < n; ++i)
    quantised[i] = static_cast<std::int8_t>(bits_of(values[i] / scale + kRounder) - bits_of(kRounder));
  return scale;
}

}  // namespace sparsecim
