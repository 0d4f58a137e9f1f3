#include "prune/calibrated_projection.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "prune/projection.hpp"

namespace sparsecim {
namespace {

struct Problem {
  at::Tensor weight;   // [n_out, n_in] float32
  at::Tensor inputs;   // [tokens, n_in] float64
  at::Tensor moments;  // [n_in, n_in]
};

/// Inputs that depend on each other and of unlike sizes, as a model's.
Problem random_problem(const MonarchShape& shape, std::uint64_t seed) {
  at::manual_seed(seed);
  const auto options = at::TensorOptions(at::kDouble);
  const at::Tensor sizes = at::linspace(-2, 1, shape.n_in, options).exp();
  const at::Tensor mix = at::randn({shape.n_in, shape.n_in}, options) / std::sqrt(static_cast<double>(shape.n_in));
  const at::Tensor inputs =
      at::randn({5 * shape.n_in, shape.n_in}, options).mm(mix + at::eye(shape.n_in, options)) * sizes;
  return {at::randn({shape.n_out, shape.n_in}), inputs, inputs.t().mm(inputs) / static_cast<double>(inputs.size(0))};
}

constexpr CalibrationSweeps kUndamped{.most = 12, .least_gain = 0, .damping = 0};

/// ||(W - M) X||_F / ||W X||_F, token by token.
double output_error(const Problem& problem, const MonarchLinear& factors) {
  const at::Tensor wanted = problem.inputs.mm(problem.weight.to(at::kDouble).t());
  const MonarchLinear exact{factors.shape, factors.left.to(at::kDouble), factors.right.to(at::kDouble)};
  return ((linear_monarch(problem.inputs, exact, {}) - wanted).norm() / wanted.norm()).item<double>();
}

std::vector<MonarchShape> shapes() {
  return {
      monarch_of_squares(25, 25).value(),   monarch_of_squares(10, 30).value(),   monarch_of_squares(31, 12).value(),
      monarch_of_blocks(24, 24, 4).value(), monarch_of_blocks(30, 17, 4).value(), monarch_of_blocks(17, 30, 4).value(),
      monarch_of_blocks(11, 29, 7).value(), monarch_of_blocks(40, 24, 2).value(), monarch_of_blocks(10, 10, 6).value()};
}

TEST(CalibratedProjection, NeverRaisesTheOutputErrorAndReportsItAsTheTokensShowIt) {
  for (const MonarchShape& shape : shapes()) {
    const Problem problem = random_problem(shape, 1);
    const MonarchLinear start = project(problem.weight, shape)->factors;
    const auto fitted = calibrate_projection(problem.weight, problem.moments, start, kUndamped).value();
    const auto& errors = fitted.output_errors;
    ASSERT_EQ(errors.size(), 13);
    EXPECT_NEAR(errors.front(), output_error(problem, start), 1e-6);
    EXPECT_NEAR(errors.back(), output_error(problem, fitted.factors), 1e-5) << to_json(shape).dump();
    for (std::size_t i = 1; i < errors.size(); ++i) EXPECT_LE(errors[i], errors[i - 1] + 1e-9) << "sweep " << i;
    EXPECT_LT(errors.back(), 0.98 * errors.front()) << to_json(shape).dump();
  }
}

/// The least squared output error over one set of parameters that enters linearly, by least squares on the written-out
/// design matrix: parameters [n] -> M is linear, `factors_of` gives the factors.
template <class FactorsOf>
double least_over(const Problem& problem, const at::Tensor& parameters, FactorsOf factors_of) {
  const at::Tensor wanted = problem.inputs.mm(problem.weight.to(at::kDouble).t()).flatten();
  std::vector<at::Tensor> columns;
  for (std::int64_t i = 0; i < parameters.numel(); ++i) {
    at::Tensor unit = at::zeros({parameters.numel()}, at::kDouble);
    unit[i] = 1;
    columns.push_back(linear_monarch(problem.inputs, factors_of(unit.view_as(parameters)), {}).flatten());
  }
  const at::Tensor design = at::stack(columns, 1);
  const at::Tensor solution = at::linalg_pinv(design).mv(wanted);
  return ((design.mv(solution) - wanted).norm() / wanted.norm()).item<double>();
}

TEST(CalibratedProjection, FindsTheBestLeftFactorForTheRightOneThatItBeginsWith) {
  for (const MonarchShape& shape : {monarch_of_squares(9, 9).value(), monarch_of_blocks(10, 7, 3).value()}) {
    const Problem problem = random_problem(shape, 2);
    const MonarchLinear start = project(problem.weight, shape)->factors;
    const CalibrationSweeps one{.most = 1, .damping = 0};
    const auto fitted = calibrate_projection(problem.weight, problem.moments, start, one).value();
    const at::Tensor right = start.right.to(at::kDouble);
    const double least =
        least_over(problem, start.left, [&](const at::Tensor& left) { return MonarchLinear{shape, left, right}; });
    EXPECT_NEAR(fitted.output_errors.back(), least, 1e-6);
  }
}

TEST(CalibratedProjection, EndsWhereNeitherFactorAloneCanBeBettered) {
  const MonarchShape shape = monarch_of_blocks(9, 8, 2).value();
  const Problem problem = random_problem(shape, 3);
  const CalibrationSweeps long_run{.most = 3000, .least_gain = 0, .damping = 0};
  const auto fitted =
      calibrate_projection(problem.weight, problem.moments, project(problem.weight, shape)->factors, long_run).value();
  const at::Tensor left = fitted.factors.left.to(at::kDouble), right = fitted.factors.right.to(at::kDouble);
  const double error = fitted.output_errors.back();
  EXPECT_NEAR(least_over(problem, left, [&](const at::Tensor& l) { return MonarchLinear{shape, l, right}; }), error,
              1e-4);
  EXPECT_NEAR(least_over(problem, right, [&](const at::Tensor& r) { return MonarchLinear{shape, left, r}; }), error,
              1e-4);
}

TEST(CalibratedProjection, OfWhiteInputsIsThePlainProjection) {
  for (const MonarchShape& shape : shapes()) {
    Problem problem = random_problem(shape, 4);
    problem.moments = at::eye(shape.n_in, at::kDouble);
    const Projection plain = project(problem.weight, shape).value();
    const auto fitted = calibrate_projection(problem.weight, problem.moments, plain.factors).value();
    EXPECT_NEAR(fitted.output_errors.front(), std::sqrt(plain.squared_error / plain.squared_norm), 1e-5);
    EXPECT_NEAR(fitted.output_errors.back(), fitted.output_errors.front(), 1e-5);
  }
}

TEST(CalibratedProjection, TakesInputsThatAreAlwaysZeroAndAWeightOfZeros) {
  const MonarchShape shape = monarch_of_blocks(12, 10, 2).value();
  Problem problem = random_problem(shape, 5);
  problem.moments.select(0, 3).zero_();
  problem.moments.select(1, 3).zero_();
  const MonarchLinear start = project(problem.weight, shape)->factors;
  const auto fitted = calibrate_projection(problem.weight, problem.moments, start, kUndamped).value();
  EXPECT_TRUE(fitted.factors.left.isfinite().all().item<bool>());
  EXPECT_LE(fitted.output_errors.back(), fitted.output_errors.front());
  const at::Tensor zeros = at::zeros({12, 10});
  const auto nothing = calibrate_projection(zeros, problem.moments, project(zeros, shape)->factors).value();
  EXPECT_EQ(nothing.output_errors, std::vector<double>{0});
}

TEST(CalibratedProjection, RefusesMomentsThatAreNotFinite) {
  const MonarchShape shape = monarch_of_squares(9, 9).value();
  Problem problem = random_problem(shape, 6);
  problem.moments[1][1] = NAN;
  const MonarchLinear start = project(problem.weight, shape)->factors;
  EXPECT_FALSE(calibrate_projection(problem.weight, problem.moments, start));
}

}  // namespace
}  // namespace sparsecim
