#pragma once

#include <ATen/ATen.h>

#include "monarch/monarch.hpp"

namespace sparsecim {

/// A linear matrix as its two Monarch factors (docs/monarch.md).
struct MonarchLinear {
  MonarchShape shape;
  at::Tensor left;   // [blocks, outputs, middle]
  at::Tensor right;  // [blocks, middle, inputs]
};

/// x M^T + bias: [..., n_in] -> [..., n_out], in the factors' type. `bias` [n_out] may be undefined.
at::Tensor linear_monarch(const at::Tensor& input, const MonarchLinear& weight, const at::Tensor& bias);
/// M [n_out, n_in], written out.
at::Tensor dense_of(const MonarchLinear& weight);

/// The last dimension, of n_in inputs, padded with zeros and in the order in which the right factor's blocks read it:
/// [..., n_in] -> [..., blocks, inputs].
at::Tensor in_blocks_of_inputs(const at::Tensor& values, const MonarchShape& shape);

}  // namespace sparsecim
