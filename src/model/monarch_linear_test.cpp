#include "model/monarch_linear.hpp"

#include <gtest/gtest.h>

namespace sparsecim {
namespace {

MonarchLinear random_linear(const MonarchShape& shape, std::uint64_t seed) {
  at::manual_seed(seed);
  return {shape, at::randn({shape.blocks, shape.outputs, shape.middle}, at::kDouble),
          at::randn({shape.blocks, shape.middle, shape.inputs}, at::kDouble)};
}

std::span<const double> values_of(const at::Tensor& tensor) {
  return {tensor.const_data_ptr<double>(), static_cast<std::size_t>(tensor.numel())};
}

/// By the plain product, row after row.
at::Tensor plain_product(const at::Tensor& x, const MonarchLinear& weight) {
  std::vector<at::Tensor> rows;
  for (const at::Tensor& row : x.unbind(0)) {
    const auto y = monarch_product<double>(weight.shape, values_of(weight.left), values_of(weight.right),
                                           values_of(row.contiguous()));
    rows.push_back(at::tensor(y, at::kDouble));
  }
  return at::stack(rows);
}

const std::vector<MonarchShape>& shapes() {
  static const std::vector<MonarchShape> kShapes = {
      monarch_of_squares(25, 25).value(),   monarch_of_squares(10, 30).value(),   monarch_of_squares(30, 10).value(),
      monarch_of_blocks(24, 24, 4).value(), monarch_of_blocks(30, 17, 4).value(), monarch_of_blocks(17, 30, 4).value(),
      monarch_of_blocks(11, 29, 7).value(), monarch_of_blocks(8, 12, 1).value(),  monarch_of_blocks(9, 9, 9).value()};
  return kShapes;
}

TEST(MonarchLinear, IsThePlainProductInBothFormsAndWithPaddingOnEitherSide) {
  for (const MonarchShape& shape : shapes()) {
    const MonarchLinear weight = random_linear(shape, 1);
    const at::Tensor x = at::randn({5, shape.n_in}, at::kDouble);
    EXPECT_LT((linear_monarch(x, weight, {}) - plain_product(x, weight)).abs().max().item<double>(), 1e-12)
        << shape.n_out << " x " << shape.n_in;
  }
}

TEST(MonarchLinear, IsTheProductWithTheDenseMatrixForBatchesOfTokensAndAddsTheBias) {
  for (const MonarchShape& shape : shapes()) {
    const MonarchLinear weight = random_linear(shape, 2);
    const at::Tensor x = at::randn({2, 3, shape.n_in}, at::kDouble), bias = at::randn({shape.n_out}, at::kDouble);
    const at::Tensor y = linear_monarch(x, weight, bias);
    EXPECT_EQ(y.sizes(), (std::vector<std::int64_t>{2, 3, shape.n_out}));
    EXPECT_LT((y - at::linear(x, dense_of(weight), bias)).abs().max().item<double>(), 1e-12);
  }
}

}  // namespace
}  // namespace sparsecim
