#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "kernels/int8_gemm.hpp"

// For tests: every kernel that this processor runs, as a parameter, and bytes.

namespace sparsecim {

inline std::vector<const Int8Kernel*> kernels_that_run_here() {
  std::vector<const Int8Kernel*> kernels;
  for (const Int8Kernel* kernel : int8_kernels())
    if (kernel->runs_here()) kernels.push_back(kernel);
  return kernels;
}

class Int8KernelTest : public ::testing::TestWithParam<const Int8Kernel*> {};

inline std::string kernel_name(const ::testing::TestParamInfo<const Int8Kernel*>& info) { return info.param->name; }

enum class Bytes { kRandom, kLowest, kHighest, kExtremes };

inline std::vector<std::int8_t> some_bytes(std::int64_t n, Bytes kind, std::mt19937_64& random) {
  std::vector<std::int8_t> bytes(static_cast<std::size_t>(n));
  for (std::int8_t& byte : bytes) {
    const auto any = static_cast<std::int8_t>(random());
    byte = kind == Bytes::kRandom    ? any
           : kind == Bytes::kLowest  ? -128
           : kind == Bytes::kHighest ? 127
           : (any & 1) != 0          ? std::int8_t{-128}
                                     : std::int8_t{127};
  }
  return bytes;
}

}  // namespace sparsecim
