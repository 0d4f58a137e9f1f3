#include "model/elementwise.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "checkpoint/random_checkpoint.hpp"

namespace sparsecim {
namespace {

/// Largest difference from the plain version in float64, over the plain version's largest value.
double error(const at::Tensor& got, const at::Tensor& exact) {
  return ((got.to(at::kDouble) - exact).abs().max() / exact.abs().max()).item<double>();
}

// One rounding to 24 or 8 bits, and in float32 a few more of the sums before it.
double tolerance(at::ScalarType dtype) { return dtype == at::kFloat ? 1e-6 : std::ldexp(1, -8); }

/// Type, rows, and a width on either side of the vectors' and with a rest.
class Elementwise : public testing::TestWithParam<std::tuple<at::ScalarType, int, int>> {
 protected:
  Elementwise() { at::manual_seed(3); }
  at::Tensor random(at::IntArrayRef shape) const { return at::randn(shape).to(std::get<0>(GetParam())); }
  const at::ScalarType dtype_ = std::get<0>(GetParam());
  const std::int64_t rows_ = std::get<1>(GetParam()), width_ = std::get<2>(GetParam());
};

TEST_P(Elementwise, NormsAreThoseOfThePlainVersion) {
  const at::Tensor x = random({rows_, width_}), y = random({rows_, width_}), weight = random({width_});
  const auto exact = [&](const at::Tensor& sum) {
    const at::Tensor wide = sum.to(at::kDouble);
    return wide * (wide.square().mean(-1, true) + 1e-3).rsqrt() * weight.to(at::kDouble);
  };
  EXPECT_LT(error(rms_norm(x, weight, 1e-3), exact(x)), tolerance(dtype_));
  EXPECT_LT(error(plain::rms_norm(x, weight, 1e-3), exact(x)), 3 * tolerance(dtype_));
  const auto [sum, normed] = add_and_norm(x, y, weight, 1e-3);
  EXPECT_TRUE(at::equal(sum, x + y));
  EXPECT_LT(error(normed, exact(sum)), tolerance(dtype_));
}

TEST_P(Elementwise, GatesAreThoseOfThePlainVersion) {
  const at::Tensor gate = random({rows_, width_}) * 20, up = random({rows_, width_});
  const at::Tensor exact = plain::silu_times(gate.to(at::kDouble), up.to(at::kDouble));
  EXPECT_LT(error(silu_times(gate.clone(), up), exact), tolerance(dtype_));
}

TEST_P(Elementwise, RotationsAreThoseOfThePlainVersion) {
  ModelConfig config = RandomCheckpoint::tiny();
  config.head_dim = 2 * width_;
  config.max_positions = 4 * rows_;
  const Rotation rotation = RotaryTable(config, at::kCPU).at(2, rows_);
  const at::Tensor heads = random({2, rows_, 3, 2 * width_});
  const at::Tensor exact = plain::rotate(heads.to(at::kDouble), rotation);
  EXPECT_LT(error(rotate(heads.clone(), rotation), exact), tolerance(dtype_));
}

INSTANTIATE_TEST_SUITE_P(All, Elementwise,
                         testing::Combine(testing::Values(at::kFloat, at::kBFloat16), testing::Values(1, 70),
                                          testing::Values(1, 6, 31, 32, 33, 576, 1000)));

TEST(Elementwise, GatesOfAnySizeAreFinite) {
  const at::Tensor gate = at::tensor({-1e30f, -100.0f, -88.0f, -0.0f, 88.0f, 100.0f, 1e30f});
  const at::Tensor got = silu_times(gate.clone(), at::ones(7)), exact = at::silu(gate);
  EXPECT_TRUE(at::allclose(got, exact, 1e-6, 1e-35)) << got;
}

TEST(Elementwise, NotANumberStaysSo) {
  const float nan = std::nanf("");
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    const at::Tensor bad = at::full({1, 40}, nan).to(dtype), good = at::ones({1, 40}).to(dtype);
    EXPECT_TRUE(rms_norm(bad, good[0], 1e-5).isnan().all().item<bool>());
    EXPECT_TRUE(silu_times(bad.clone(), good).isnan().all().item<bool>());
    EXPECT_TRUE(add_and_norm(good, bad, good[0], 1e-5).first.isnan().all().item<bool>());
  }
}

TEST(Elementwise, WithGradientsTakesThePlainVersion) {
  const at::Tensor x = at::randn({3, 8}).requires_grad_();
  EXPECT_TRUE(rms_norm(x, at::ones(8), 1e-5).requires_grad());
}

}  // namespace
}  // namespace sparsecim
