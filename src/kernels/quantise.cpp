#include "kernels/quantise.hpp"

#include <atomic>
#include <cmath>

#include "base/check.hpp"
#include "base/threads.hpp"
#include "kernels/int8_gemm.hpp"

namespace sparsecim {
namespace {

constexpr std::int64_t kValuesWorthThreads = 1 << 18;  // some 50 us of one core

}  // namespace

Result<void> quantise_rows(std::span<const float> values, std::int64_t n, std::span<std::int8_t> quantised,
                           std::span<float> scales, const Int8Kernel& kernel) {
  SC_CHECK(n >= 1 && values.size() == quantised.size() && std::ssize(values) == n * std::ssize(scales));
  std::atomic<std::int64_t> bad_row = -1;
  const auto work = [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const float scale = kernel.quantise_row(values.data() + row * n, n, quantised.data() + row * n);
      scales[static_cast<std::size_t>(row)] = scale;
      if (std::isinf(scale)) bad_row = row;
    }
  };
  const std::int64_t rows = std::ssize(scales);
  std::ssize(values) < kValuesWorthThreads ? work(0, rows) : parallel_for(rows, work);
  if (bad_row < 0) return {};
  return fail("row {} holds a value that is infinite or NaN, which 8 bits cannot", bad_row.load());
}

Result<void> quantise_rows(std::span<const float> values, std::int64_t n, std::span<std::int8_t> quantised,
                           std::span<float> scales) {
  return quantise_rows(values, n, quantised, scales, fastest_int8_kernel());
}

}  // namespace sparsecim
