#pragma once

#include <ATen/ATen.h>

#include <cstdint>

#include "base/result.hpp"
#include "sparsity/mask_sharing.hpp"

namespace sparsecim {

/// Of the Hessian's mean diagonal, added to it (arXiv 2301.00774, appendix A).
inline constexpr double kSparseGptDamping = 0.01;

/// What SparseGPT needs to know of the inputs of one or several matrices.
struct InverseHessian {
  at::Tensor factor;  // [n_in, n_in] upper triangular U, float32: U^T U is the inverse of the damped Hessian
  at::Tensor dead;    // [n_in] bool: inputs that were always zero
  std::int64_t dead_columns = 0;  // how many
  double damping = 0;             // that it took, as a share of the Hessian's mean diagonal
};

/// `moments` [n_in, n_in] float64: the inputs' second moments, X^T X / tokens, half of the Hessian (arXiv 2301.00774,
/// section 3.1; the factor changes nothing). They are damped by kSparseGptDamping, ten times that where the Cholesky
/// factor does not exist, three times at most. Memory: three matrices of that size. Errors: values that are not finite;
/// moments that stay singular.
Result<InverseHessian> invert_hessian(at::Tensor moments);

/// SparseGPT (arXiv 2301.00774, algorithm 1, in its N:M form): column by column, the weights that `pattern` drops
/// become zero and those to the right take over what they can, such that the output error, the sum of d^T H d over the
/// rows, is least. The mask of a group of M columns is chosen when it is reached, on the weights as updated by then:
/// the N of largest w^2 / [H^-1]_jj stay, lower columns first; of a shorter last group ceil(N*w/M). Rows that share
/// their choice drop the least sum of these. weight [n_out, n_in] -> the same, float32; weights of dead inputs become
/// zero. Errors: a weight that is not finite; check_sharing's; interrupted.
Result<at::Tensor> prune_by_sparsegpt(const at::Tensor& weight, const InverseHessian& inverse, Pattern pattern,
                                      const MaskSharing& sharing = {});

}  // namespace sparsecim
