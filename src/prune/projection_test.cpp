#include "prune/projection.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace sparsecim {
namespace {

std::vector<MonarchShape> shapes() {
  return {
      monarch_of_squares(25, 25).value(),   monarch_of_squares(10, 30).value(),   monarch_of_squares(31, 12).value(),
      monarch_of_blocks(24, 24, 4).value(), monarch_of_blocks(30, 17, 4).value(), monarch_of_blocks(17, 30, 4).value(),
      monarch_of_blocks(11, 29, 7).value(), monarch_of_blocks(40, 24, 2).value(), monarch_of_blocks(8, 12, 1).value(),
      monarch_of_blocks(9, 9, 9).value(),   monarch_of_blocks(10, 10, 6).value()};
}

std::string name_of(const MonarchShape& shape) { return to_json(shape).dump(); }

at::Tensor random_weight(const MonarchShape& shape, std::uint64_t seed) {
  at::manual_seed(seed);
  return at::randn({shape.n_out, shape.n_in});
}

MonarchLinear random_factors(const MonarchShape& shape, std::uint64_t seed) {
  at::manual_seed(seed);
  return {shape, at::randn({shape.blocks, shape.outputs, shape.middle}),
          at::randn({shape.blocks, shape.middle, shape.inputs})};
}

double squared_error(const at::Tensor& weight, const MonarchLinear& factors) {
  return (weight - dense_of(factors)).to(at::kDouble).square().sum().item<double>();
}

/// Real rows that block b of the left factor writes, or real columns that block k of the right one reads.
template <class IndexOf>
at::Tensor real_indices(std::int64_t size, std::int64_t n, IndexOf index_of) {
  std::vector<std::int64_t> indices;
  for (std::int64_t i = 0; i < size; ++i)
    if (index_of(i) < n) indices.push_back(index_of(i));
  return at::tensor(indices, at::kLong);
}

/// The nearest matrix whose every slice has its rank: slice after slice by a plain singular value decomposition.
at::Tensor nearest_slice_by_slice(const at::Tensor& weight, const MonarchShape& shape) {
  at::Tensor nearest = at::zeros_like(weight, at::kDouble);
  for (std::int64_t b = 0; b < shape.blocks; ++b)
    for (std::int64_t k = 0; k < shape.blocks; ++k) {
      const at::Tensor rows =
          real_indices(shape.outputs, shape.n_out, [&](std::int64_t i) { return shape.output_of(b, i); });
      const at::Tensor columns =
          real_indices(shape.inputs, shape.n_in, [&](std::int64_t l) { return shape.input_of(k, l); });
      if (rows.numel() == 0 || columns.numel() == 0) continue;
      const at::Tensor slice = weight.to(at::kDouble).index({rows}).index_select(1, columns);
      const auto [u, s, v] = at::linalg_svd(slice, /*full_matrices=*/false);
      const std::int64_t rank = std::min(shape.slice_rank(b, k), s.size(0));
      const at::Tensor cut = (u.narrow(1, 0, rank) * s.narrow(0, 0, rank)).mm(v.narrow(0, 0, rank));
      nearest.index_put_({rows.unsqueeze(1), columns.unsqueeze(0)}, cut);
    }
  return nearest;
}

TEST(Projection, IsTheTruncatedSingularValueDecompositionOfEverySlice) {
  for (const MonarchShape& shape : shapes()) {
    const at::Tensor weight = random_weight(shape, 1);
    const Projection projection = project(weight, shape).value();
    const at::Tensor expected = nearest_slice_by_slice(weight, shape);
    EXPECT_LT((dense_of(projection.factors) - expected).abs().max().item<double>(), 1e-5) << name_of(shape);
  }
}

TEST(Projection, ErrsByTheSingularValuesThatItDiscards) {
  for (const MonarchShape& shape : shapes()) {
    const at::Tensor weight = random_weight(shape, 2);
    const Projection projection = project(weight, shape).value();
    const double norm = weight.to(at::kDouble).square().sum().item<double>();
    EXPECT_NEAR(projection.squared_norm, norm, 1e-9 * norm);
    EXPECT_NEAR(projection.squared_error, squared_error(weight, projection.factors), 1e-5 * norm) << name_of(shape);
  }
}

TEST(Projection, RecoversAMatrixThatIsMonarch) {
  for (const MonarchShape& shape : shapes()) {
    const at::Tensor weight = dense_of(random_factors(shape, 3));
    const Projection projection = project(weight, shape).value();
    EXPECT_LT(projection.squared_error, 1e-10 * projection.squared_norm) << name_of(shape);
    EXPECT_LT(squared_error(weight, projection.factors), 1e-10 * projection.squared_norm) << name_of(shape);
  }
}

TEST(Projection, IsNearerThanAnyOfAThousandPerturbationsOfItsFactors) {
  for (const MonarchShape& shape : {monarch_of_squares(16, 16).value(), monarch_of_blocks(18, 12, 3).value()}) {
    const at::Tensor weight = random_weight(shape, 4);
    const MonarchLinear best = project(weight, shape)->factors;
    const double least = squared_error(weight, best);
    for (int i = 0; i < 1000; ++i) {
      const double size = std::pow(10, -i % 4);
      MonarchLinear other = best;
      other.left = best.left + size * at::randn_like(best.left);
      other.right = best.right + size * at::randn_like(best.right);
      ASSERT_GE(squared_error(weight, other), least * (1 - 1e-6));
    }
  }
}

TEST(Projection, SharesEverySingularValueEvenly) {
  const MonarchShape shape = monarch_of_blocks(24, 18, 3).value();
  const MonarchLinear factors = project(random_weight(shape, 5), shape)->factors;
  for (std::int64_t channel = 0; channel < shape.middle_channels(); ++channel) {
    const at::Tensor column = factors.left[channel % 3].select(1, channel / 3);
    const at::Tensor row = factors.right[channel / shape.middle][channel % shape.middle];
    EXPECT_NEAR(column.norm().item<double>(), row.norm().item<double>(), 1e-4);
  }
}

TEST(Projection, OfNothingIsNothingAndOfWhatIsNotFiniteRefused) {
  const MonarchShape shape = monarch_of_squares(9, 7).value();
  const Projection zero = project(at::zeros({9, 7}), shape).value();
  EXPECT_EQ(zero.squared_error, 0);
  EXPECT_EQ(dense_of(zero.factors).abs().max().item<float>(), 0);
  at::Tensor broken = at::zeros({9, 7});
  broken[3][2] = NAN;
  EXPECT_EQ(project(broken, shape).error().line(), "a weight is not finite");
}

}  // namespace
}  // namespace sparsecim
