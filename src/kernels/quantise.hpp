#pragma once

#include <cstdint>
#include <span>

#include "base/result.hpp"
#include "kernels/int8_kernel.hpp"

namespace sparsecim {

/// Symmetric 8-bit numbers, row by row: values[row, i] is about quantised[row, i] * scales[row] with scales[row] =
/// max |values[row, :]| / 127 and quantised = values / scale rounded to nearest, halves to even, so within -127 .. 127.
/// A row of zeros, or of magnitudes below 2^-119 (whose scale would be subnormal), becomes zeros with scale 0. All
/// kernels give the same. `values` and `quantised` [n_rows, n] row-major, `scales` [n_rows]. REQUIRES: those sizes, n
/// >= 1. Errors: a value that is infinite or NaN, by row.
Result<void> quantise_rows(std::span<const float> values, std::int64_t n, std::span<std::int8_t> quantised,
                           std::span<float> scales, const Int8Kernel& kernel);
/// With fastest_int8_kernel().
Result<void> quantise_rows(std::span<const float> values, std::int64_t n, std::span<std::int8_t> quantised,
                           std::span<float> scales);

}  // namespace sparsecim
