#include "prune/sparsegpt.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace sparsecim {
namespace {

struct Problem {
  at::Tensor weight;   // [n_out, n_in] float32
  at::Tensor hessian;  // [n_in, n_in] float64
};

/// Inputs that depend on each other, as a model's do.
Problem random_problem(std::int64_t n_out, std::int64_t n_in, std::uint64_t seed) {
  at::manual_seed(seed);
  const auto options = at::TensorOptions(at::kDouble);
  const at::Tensor mix =
      at::randn({n_in, n_in}, options) / std::sqrt(static_cast<double>(n_in)) + at::eye(n_in, options);
  const at::Tensor inputs = at::randn({4 * n_in, n_in}, options).mm(mix);
  return {at::randn({n_out, n_in}), inputs.t().mm(inputs) / static_cast<double>(inputs.size(0))};
}

struct Pruned {
  at::Tensor weight;
  double damping;
  std::int64_t dead_columns;
};

Result<Pruned> prune_both(const at::Tensor& weight, const at::Tensor& hessian, Pattern pattern) {
  SC_TRY_ASSIGN(const InverseHessian inverse, invert_hessian(hessian.clone()));
  SC_TRY_ASSIGN(const at::Tensor pruned, prune_by_sparsegpt(weight, inverse, pattern));
  return Pruned{pruned, inverse.damping, inverse.dead_columns};
}

/// sum over rows of d^T H d.
double output_error(const Problem& problem, const at::Tensor& pruned) {
  const at::Tensor d = (pruned - problem.weight).to(at::kDouble);
  return (d.mm(problem.hessian) * d).sum().item<double>();
}

/// Without Cholesky factors: with the mask given, column after column is fixed, and all columns behind it are set to
/// where the output error is least, by solving the normal equations anew. [n_out, n_in].
at::Tensor column_by_column(const Problem& problem, const at::Tensor& mask, double damping) {
  const std::int64_t n_in = problem.weight.size(1);
  const at::Tensor identity = at::eye(n_in, at::kDouble) * (damping * problem.hessian.diagonal().mean().item<double>());
  const at::Tensor h = problem.hessian + identity;
  const at::Tensor original = problem.weight.to(at::kDouble);
  at::Tensor current = original.clone();
  for (std::int64_t j = 0; j < n_in; ++j) {
    current.select(1, j).masked_fill_(mask.select(1, j).logical_not(), 0);
    const std::int64_t rest = n_in - j - 1;
    if (rest == 0) break;
    // d_rest = -H_rr^-1 H_rf d_f, with d_f what the first j + 1 columns have changed by.
    const at::Tensor fixed = current.narrow(1, 0, j + 1) - original.narrow(1, 0, j + 1);
    const at::Tensor right = h.narrow(0, j + 1, rest).narrow(1, 0, j + 1).mm(fixed.t());
    const at::Tensor own = h.narrow(0, j + 1, rest).narrow(1, j + 1, rest);
    current.narrow(1, j + 1, rest).copy_(original.narrow(1, j + 1, rest) - at::linalg_solve(own, right).t());
  }
  return current;
}

TEST(SparseGpt, MovesEveryColumnToWhereTheOutputErrorIsLeastGivenTheColumnsBeforeIt) {
  for (const auto& [pattern, n_in] : {std::pair{Pattern{2, 4}, 32}, {{4, 8}, 40}, {{1, 4}, 30}, {{3, 8}, 24}}) {
    const Problem problem = random_problem(6, n_in, 1);
    const auto result = prune_both(problem.weight, problem.hessian, pattern).value();
    const at::Tensor expected = column_by_column(problem, result.weight != 0, result.damping);
    EXPECT_LT((result.weight - expected).abs().max().item<double>(), 1e-4) << pattern.name() << " of " << n_in;
  }
}

TEST(SparseGpt, GoesAcrossItsBlocksOf128Columns) {
  const Problem problem = random_problem(3, 300, 2);  // two whole blocks and a rest; 300 is no multiple of 8
  const auto result = prune_both(problem.weight, problem.hessian, {4, 8}).value();
  const at::Tensor expected = column_by_column(problem, result.weight != 0, result.damping);
  EXPECT_LT((result.weight - expected).abs().max().item<double>(), 1e-3);
}

TEST(SparseGpt, KeepsExactlyNOfEveryMAndOfAShorterLastGroupItsShare) {
  const Problem problem = random_problem(5, 30, 3);
  const at::Tensor kept = (prune_both(problem.weight, problem.hessian, {2, 4})->weight != 0).to(at::kLong);
  EXPECT_TRUE((kept.narrow(1, 0, 28).reshape({5, 7, 4}).sum(-1) == 2).all().item<bool>());
  EXPECT_TRUE((kept.narrow(1, 28, 2).sum(-1) == 1).all().item<bool>());
}

TEST(SparseGpt, ChoosesTheMaskOfAGroupOnTheWeightsAsUpdated) {
  // Of the second group the larger weight is the first, until the first group's error arrives: inputs 1 and 2 are
  // nearly the same, so that dropping column 1 doubles column 2.
  at::Tensor h = at::eye(4, at::kDouble) * 1.0;
  h[1][2] = h[2][1] = 0.99;
  const Problem problem{at::tensor({3.0f, 2.0f, 2.0f, 3.0f}).unsqueeze(0), h};
  const auto result = prune_both(problem.weight, problem.hessian, {1, 2}).value();
  EXPECT_EQ(result.weight[0][1].item<float>(), 0);
  EXPECT_NEAR(result.weight[0][2].item<float>(), 3.96, 0.05);
  EXPECT_EQ(result.weight[0][3].item<float>(), 0);
}

TEST(SparseGpt, ErrsLessThanItsMaskWithoutTheUpdate) {
  const Problem problem = random_problem(16, 64, 4);
  const auto result = prune_both(problem.weight, problem.hessian, {2, 4}).value();
  EXPECT_LT(output_error(problem, result.weight),
            0.9 * output_error(problem, problem.weight * (result.weight != 0).to(at::kFloat)));
}

TEST(SparseGpt, SetsTheWeightsOfInputsThatAreAlwaysZeroToZeroAndSaysSo) {
  Problem problem = random_problem(4, 16, 5);
  problem.hessian.select(0, 3).zero_();
  problem.hessian.select(1, 3).zero_();
  const auto result = prune_both(problem.weight, problem.hessian, {2, 4}).value();
  EXPECT_EQ(result.dead_columns, 1);
  EXPECT_EQ(result.weight.select(1, 3).abs().max().item<float>(), 0);
}

TEST(SparseGpt, RaisesTheDampingOfASingularHessianAndRefusesAHopelessOne) {
  Problem problem = random_problem(4, 16, 6);
  at::Tensor slightly = problem.hessian - at::eye(16, at::kDouble) * (at::linalg_eigvalsh(problem.hessian)[0] + 0.03);
  const auto result = prune_both(problem.weight, slightly, {2, 4});
  ASSERT_TRUE(result) << result.error().line();
  EXPECT_GT(result->damping, kSparseGptDamping);
  EXPECT_FALSE(prune_both(problem.weight, -100 * problem.hessian, {2, 4}));
  problem.hessian[0][0] = std::nan("");
  EXPECT_FALSE(prune_both(problem.weight, problem.hessian, {2, 4}));
}

TEST(SparseGpt, OfEqualScoresKeepsTheLowerColumns) {
  const InverseHessian inverse = invert_hessian(at::eye(8, at::kDouble)).value();
  const at::Tensor pruned = prune_by_sparsegpt(at::full({2, 8}, 3.0), inverse, {2, 4}).value();
  EXPECT_TRUE(at::equal(pruned, at::tensor({3, 3, 0, 0, 3, 3, 0, 0}, at::kFloat).expand({2, 8})))
      << "inputs that have nothing in common leave nothing to take over";
}

TEST(SparseGpt, OfInputsThatAreAllDeadGivesZeros) {
  const InverseHessian inverse = invert_hessian(at::zeros({8, 8}, at::kDouble)).value();
  EXPECT_EQ(inverse.dead_columns, 8);
  EXPECT_EQ(prune_by_sparsegpt(at::full({2, 8}, 3.0), inverse, {2, 4})->count_nonzero().item<std::int64_t>(), 0);
}

TEST(SparseGpt, OfWeightsOrMomentsThatAreNotFiniteIsRefused) {
  const InverseHessian inverse = invert_hessian(at::eye(8, at::kDouble)).value();
  EXPECT_FALSE(prune_by_sparsegpt(at::full({2, 8}, std::nan("")), inverse, {2, 4}));
  EXPECT_FALSE(invert_hessian(at::full({8, 8}, std::nan(""), at::kDouble)));
}

TEST(SparseGpt, BySingleRowsThatShareIsWhatEachRowChoosesForItself) {
  const Problem problem = random_problem(12, 150, 9);
  const InverseHessian inverse = invert_hessian(problem.hessian.clone()).value();
  for (const Pattern pattern : {Pattern{2, 4}, {3, 8}, {8, 16}})
    for (const auto kind : {MaskSharing::Kind::kRows, MaskSharing::Kind::kPairs})
      EXPECT_TRUE(at::equal(prune_by_sparsegpt(problem.weight, inverse, pattern, {kind, 1}).value(),
                            prune_by_sparsegpt(problem.weight, inverse, pattern).value()));
}

TEST(SparseGpt, WithRowsThatShareKeepsTheirColumnsAndUpdatesForThatMask) {
  const Problem problem = random_problem(10, 40, 10);
  const InverseHessian inverse = invert_hessian(problem.hessian.clone()).value();
  const at::Tensor pruned = prune_by_sparsegpt(problem.weight, inverse, {2, 4}, {MaskSharing::Kind::kRows, 4}).value();
  const at::Tensor mask = pruned != 0;
  for (std::int64_t row = 0; row < 10; ++row) EXPECT_TRUE(at::equal(mask[row], mask[row / 4 * 4])) << row;
  EXPECT_EQ(mask.sum().item<std::int64_t>(), 10 * 20);
  const at::Tensor expected = column_by_column(problem, mask, kSparseGptDamping);
  EXPECT_TRUE(at::allclose(pruned.to(at::kDouble), expected, 1e-3, 1e-3));
}

TEST(SparseGpt, SharesItsFirstGroupsPairsByTheLeastSumOfItsScores) {
  const Problem problem = random_problem(6, 8, 11);
  const InverseHessian inverse = invert_hessian(problem.hessian.clone()).value();
  const at::Tensor pruned = prune_by_sparsegpt(problem.weight, inverse, {2, 8}, {MaskSharing::Kind::kPairs, 6}).value();
  const at::Tensor scores = (problem.weight / inverse.factor.diagonal()).square().to(at::kDouble);
  double best = 0;  // over two pairs, which may be the same
  for (std::int64_t p = 0; p < 4; ++p)
    for (std::int64_t q = p; q < 4; ++q) {
      const at::Tensor first = scores.narrow(1, 2 * p, 2), second = scores.narrow(1, 2 * q, 2);
      const at::Tensor kept = p == q ? first.sum() : std::get<0>(first.max(1)).sum() + std::get<0>(second.max(1)).sum();
      best = std::max(best, kept.item<double>());
    }
  EXPECT_NEAR((scores * (pruned != 0)).sum().item<double>(), best, 1e-9 * best);
}

}  // namespace
}  // namespace sparsecim
