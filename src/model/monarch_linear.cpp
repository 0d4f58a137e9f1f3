#include "model/monarch_linear.hpp"

namespace sparsecim {

at::Tensor in_blocks_of_inputs(const at::Tensor& values, const MonarchShape& shape) {
  const at::Tensor padded = at::constant_pad_nd(values, {0, shape.padded_inputs() - shape.n_in});
  return shape.strided_inputs ? padded.unflatten(-1, {shape.inputs, shape.blocks}).transpose(-1, -2)
                              : padded.unflatten(-1, {shape.blocks, shape.inputs});
}

at::Tensor linear_monarch(const at::Tensor& input, const MonarchLinear& weight, const at::Tensor& bias) {
  const MonarchShape& shape = weight.shape;
  const at::Tensor x = input.reshape({-1, shape.n_in});
  const at::Tensor read = in_blocks_of_inputs(x, shape).transpose(0, 1);  // [blocks, tokens, inputs]
  const at::Tensor middle = at::bmm(read, weight.right.transpose(1, 2));  // [blocks, tokens, middle]
  // Channel k * middle + j of a token, which block c % blocks of the left factor reads as its input c / blocks.
  const at::Tensor channels = middle.transpose(0, 1).reshape({-1, shape.middle, shape.blocks});
  const at::Tensor written =
      at::bmm(channels.permute({2, 0, 1}), weight.left.transpose(1, 2));  // [blocks, tokens, outputs]
  at::Tensor output = written.permute({1, 2, 0}).reshape({-1, shape.padded_outputs()}).narrow(1, 0, shape.n_out);
  if (bias.defined()) output = output + bias;
  std::vector<std::int64_t> sizes = input.sizes().vec();
  sizes.back() = shape.n_out;
  return output.reshape(sizes);
}

at::Tensor dense_of(const MonarchLinear& weight) {
  return linear_monarch(at::eye(weight.shape.n_in, weight.left.options()), weight, {}).t();
}

}  // namespace sparsecim
