#pragma once

// For tests: tokens to calibrate RandomCheckpoint::tiny() with.

#include "prune/calibration.hpp"

namespace sparsecim {

inline Calibration random_calibration(std::uint64_t seed) {
  at::manual_seed(seed);
  Calibration calibration;
  for (int i = 0; i < 3; ++i) calibration.batches.push_back(at::randint(0, 50, {4, 16}, at::kLong));
  calibration.tokens = 3 * 4 * 16;
  return calibration;
}

}  // namespace sparsecim
