#pragma once

#include <ATen/ATen.h>

#include <utility>

#include "model/rotary.hpp"

namespace sparsecim {

// What a decoder block does between its matrix products, each in one pass over memory where the tensors are on a CPU
// (row_kernels.hpp), else by LibTorch's operators: the plain versions below, which the tests compare with.

/// hidden [..., n] -> the same: each row over its root mean square, times `weight` [n] (arXiv 1910.07467, equation 4).
at::Tensor rms_norm(const at::Tensor& hidden, const at::Tensor& weight, double epsilon);
/// x + y, and its norm.
std::pair<at::Tensor, at::Tensor> add_and_norm(const at::Tensor& x, const at::Tensor& y, const at::Tensor& weight,
                                               double epsilon);
/// silu(gate) * up, each [..., n]; `gate` is overwritten.
at::Tensor silu_times(at::Tensor gate, const at::Tensor& up);
/// Turns the pairs (i, i + head_dim/2), Hugging Face's order, of heads [batch, tokens, n_heads, head_dim], which are
/// overwritten.
at::Tensor rotate(at::Tensor heads, const Rotation& rotation);

namespace plain {
at::Tensor rms_norm(const at::Tensor& hidden, const at::Tensor& weight, double epsilon);
at::Tensor silu_times(at::Tensor gate, const at::Tensor& up);
at::Tensor rotate(at::Tensor heads, const Rotation& rotation);
}  // namespace plain

}  // namespace sparsecim
