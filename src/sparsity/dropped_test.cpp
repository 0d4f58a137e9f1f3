#include "sparsity/dropped.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "base/threads.hpp"
#include "sparsity/mask.hpp"

namespace sparsecim {
namespace {

using Floats = std::vector<float>;

Floats random_floats(std::size_t n, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  Floats values(n);
  for (float& value : values) value = normal(random);
  return values;
}

double share(const Floats& values, std::int64_t n_in, const Floats& norms, Pattern pattern) {
  const ScoredMatrix matrix{values, std::ssize(values) / n_in, n_in, norms};
  return dropped_shares(matrix, {&pattern, 1}).value().at(0);
}

TEST(DroppedShares, AreSquaredScoresOfWhatAPatternDropsOverAll) {
  EXPECT_DOUBLE_EQ(share({1, -4, 3, 2}, 4, {}, {2, 4}), 5 / 30.0);
  EXPECT_DOUBLE_EQ(share({1, -4, 3, 2}, 4, {10, 1, 1, 1}, {2, 4}), 13 / 129.0) << "norms weigh the columns";
  EXPECT_DOUBLE_EQ(share({1, 2, 3}, 3, {}, {4, 8}), 1 / 14.0) << "ceil(4 * 3 / 8) of a shorter last group stay";
  EXPECT_EQ(share({1, 2, 3, 4}, 4, {}, {}), 0) << "dense";
}

TEST(DroppedShares, OfAMatrixOfZerosAreZero) { EXPECT_EQ(share({0, 0, 0, -0.f}, 4, {}, {1, 4}), 0); }

/// The rise of the output's squared error when the inputs do not correlate: measured on inputs that are one column at a
/// time.
TEST(DroppedShares, AreTheOutputErrorOfInputsThatDoNotCorrelate) {
  const std::int64_t n_in = 24, n_out = 6;
  const Floats weights = random_floats(static_cast<std::size_t>(n_out * n_in), 1);
  Floats norms = random_floats(static_cast<std::size_t>(n_in), 2);
  for (float& norm : norms) norm = std::abs(norm);
  for (const Pattern pattern : {Pattern{2, 4}, Pattern{3, 8}, Pattern{1, 8}}) {
    Floats pruned = weights;
    ASSERT_TRUE(apply_nm(pruned, n_in, norms, pattern));
    double error = 0, energy = 0;
    for (std::int64_t token = 0; token < n_in; ++token)  // x = norm * unit vector: X X^T is diagonal
      for (std::int64_t i = 0; i < n_out; ++i) {
        const auto k = static_cast<std::size_t>(i * n_in + token);
        const double x = norms[static_cast<std::size_t>(token)];
        error += std::pow(x * (weights[k] - pruned[k]), 2);
        energy += std::pow(x * weights[k], 2);
      }
    EXPECT_NEAR(share(weights, n_in, norms, pattern), error / energy, 1e-12) << pattern.name();
  }
}

/// At equal N/M a larger M never keeps less, of squared scores as of scores: same weights, M divides the rows.
TEST(DroppedShares, NeverGrowWithMAtEqualDensity) {
  const std::vector<std::vector<Pattern>> by_density = {
      {{1, 2}, {2, 4}, {4, 8}, {8, 16}, {16, 32}}, {{1, 4}, {2, 8}, {4, 16}}, {{3, 4}, {6, 8}, {12, 16}}};
  for (unsigned seed = 0; seed < 20; ++seed) {
    const Floats weights = random_floats(16 * 96, seed);
    Floats norms = random_floats(96, seed + 100);
    for (float& norm : norms) norm = std::abs(norm);
    for (const auto& patterns : by_density) {
      const auto shares = dropped_shares({weights, 16, 96, norms}, patterns).value();
      for (std::size_t p = 1; p < shares.size(); ++p) EXPECT_LE(shares[p], shares[p - 1] * (1 + 1e-12));
    }
  }
}

TEST(DroppedShares, AreTheSameOnAnyNumberOfThreads) {
  const Floats weights = random_floats(37 * 40, 7);
  const int before = thread_count();
  set_thread_count(1);
  const double alone = share(weights, 40, {}, {2, 8});
  set_thread_count(5);
  EXPECT_EQ(share(weights, 40, {}, {2, 8}), alone);
  set_thread_count(before);
}

TEST(DroppedShares, RefuseWhatIsNotFinite) {
  const Floats broken = {1, std::nanf(""), 1, 1};
  const Pattern pattern{2, 4};
  EXPECT_EQ(dropped_shares({broken, 1, 4, {}}, {&pattern, 1}).error().what,
            "row 0, column 1: weight nan times norm 1 is not finite");
}

}  // namespace
}  // namespace sparsecim
