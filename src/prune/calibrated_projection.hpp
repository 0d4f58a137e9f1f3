#pragma once

#include <ATen/ATen.h>

#include <vector>

#include "base/result.hpp"
#include "model/monarch_linear.hpp"

namespace sparsecim {

/// How long calibrate_projection goes on, and what it is held back by.
struct CalibrationSweeps {
  int most = 20;
  double least_gain = 1e-3;  // of the squared output error, relative, that a sweep must bring for another to follow
  /// Of the mean of the moments' diagonal, added to it: an output error that weighs all inputs a little. The share is
  /// SparseGPT's (arXiv 2301.00774, appendix A).
  double damping = 0.01;
};

/// Monarch factors that were fitted to a layer's output.
struct CalibratedProjection {
  MonarchLinear factors;  // float32 on the CPU
  /// ||(W - M) X||_F / ||W X||_F by the damped moments: of the start, then behind each sweep. Never rises.
  std::vector<double> output_errors;
};

/// Lowers ||(W - M) X||_F^2 = tr (W - M) C (W - M)^T from `start` on, C [n_in, n_in] float64 the second moments of the
/// inputs, by alternating least squares. With R held, every block of L is its own least squares problem; with L held,
/// so is each block R_k beside the others, (L_k^T L_k) R_k C_kk = L_k^T (W - M without R_k) C_k. Both are solved
/// exactly, so no step can raise the error. weight [n_out, n_in]. Memory: five matrices of the padded shape and two of
/// [n_in, n_in] in float64. Errors: moments or a weight that are not finite; interrupted.
Result<CalibratedProjection> calibrate_projection(const at::Tensor& weight, const at::Tensor& moments,
                                                  const MonarchLinear& start, const CalibrationSweeps& sweeps = {});

}  // namespace sparsecim
