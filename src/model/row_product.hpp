#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace sparsecim {

/// weight x + bias of every row x of `input` [.., n_in], by a matrix that computes on float32 in memory itself:
/// `weight.forward(inputs, outputs)` of whole rows. NaN everywhere where it cannot: the caller's check for finite
/// values then names the layer. bias: [n_out], or undefined.
template <class Matrix>
at::Tensor row_product(const at::Tensor& input, const Matrix& weight, const at::Tensor& bias) {
  const at::Tensor x = input.contiguous();
  std::vector<std::int64_t> shape = input.sizes().vec();
  shape.back() = weight.n_outputs();
  at::Tensor output = at::empty(shape, at::kFloat);
  const auto size = [](const at::Tensor& tensor) { return static_cast<std::size_t>(tensor.numel()); };
  if (!weight.forward({x.const_data_ptr<float>(), size(x)}, {output.data_ptr<float>(), size(output)}))
    output.fill_(std::numeric_limits<float>::quiet_NaN());
  return bias.defined() ? output.add_(bias) : output;
}

}  // namespace sparsecim
