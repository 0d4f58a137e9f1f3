#pragma once

#include <ATen/ATen.h>

#include <vector>

#include "base/result.hpp"
#include "model/monarch_linear.hpp"

namespace sparsecim {

/// The Monarch matrix nearest to a weight W.
struct Projection {
  MonarchLinear factors;     // float32 on the CPU; each singular value is shared by both, sqrt(s) to either
  double squared_norm = 0;   // ||W||_F^2
  double squared_error = 0;  // ||W - M||_F^2 as it must be: the sum of the squares of all discarded singular values
};

/// The Monarch matrix M of this structure with the least ||W - M||_F. Its slices are independent and of bounded rank
/// (docs/monarch.md), so each is the slice of W cut to that rank by its singular value decomposition (Eckart and Young;
/// rank one in the form of squares: Dao et al., arXiv 2204.00595, section 3.3). weight [n_out, n_in] of any type on any
/// device. REQUIRES: the shape is one of monarch_of_blocks or monarch_of_squares. Memory: the weight twice in float64.
/// Errors: a weight that is not finite; interrupted.
Result<Projection> project(const at::Tensor& weight, const MonarchShape& shape);

}  // namespace sparsecim
