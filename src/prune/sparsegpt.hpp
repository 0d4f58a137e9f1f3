#pragma once

#include <ATen/ATen.h>

#include <cstdint>

#include "base/result.hpp"
#include "sparsity/pattern.hpp"

namespace sparsecim {

/// Of the Hessian's mean diagonal, added to it (arXiv 2301.00774, appendix A).
inline constexpr double kSparseGptDamping = 0.01;

/// A matrix that SparseGPT pruned, and the numeric trouble on the way.
struct SparseGptResult {
  at::Tensor weight;              // [n_out, n_in], float32, zero where the pattern drops
  std::int64_t dead_columns = 0;  // inputs that were always zero: their weights became zero
  double damping = 0;             // as a share of the Hessian's mean diagonal
};

/// SparseGPT (arXiv 2301.00774, algorithm 1, in its N:M form): column by column, the weights that `pattern` drops
/// become zero and those to the right take over what they can, such that the output error sum of d^T H d over the rows
/// is least. The mask of a group of M columns is chosen when it is reached, on the weights as updated by then: the N of
/// largest w^2 / [H^-1]_jj stay, lower columns first; of a shorter last group ceil(N*w/M). H is damped by 0.01 of its
/// mean diagonal, ten times that where its Cholesky factor does not exist, three times at most.
/// weight [n_out, n_in]; hessian [n_in, n_in], float64: the inputs' second moments, X^T X / tokens.
/// Errors: values that are not finite; a Hessian that stays singular.
Result<SparseGptResult> prune_by_sparsegpt(const at::Tensor& weight, const at::Tensor& hessian, Pattern pattern);

}  // namespace sparsecim
