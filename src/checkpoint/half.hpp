#pragma once

#include <bit>
#include <cstdint>

namespace sparsecim {

/// IEEE 754 binary16 to binary32, without branches so that loops over it become vector code.
inline float from_half(std::uint16_t half) {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000u) << 16;
  const std::uint32_t exponent = half & 0x7c00u;
  const std::uint32_t magnitude = static_cast<std::uint32_t>(half & 0x7fffu) << 13;
  const std::uint32_t normal = magnitude + ((127u - 15u) << 23);
  const std::uint32_t special = magnitude | 0x7f800000u;  // infinity, NaN
  // A subnormal half is fraction * 2^-24: put the fraction below an implicit one of weight 2^-14 and take that away.
  const float subnormal = std::bit_cast<float>(magnitude + (113u << 23)) - 0x1p-14f;
  std::uint32_t bits = exponent == 0 ? std::bit_cast<std::uint32_t>(subnormal) : normal;
  bits = exponent == 0x7c00u ? special : bits;
  return std::bit_cast<float>(bits | sign);
}

}  // namespace sparsecim
