#include "sparsity/shared_pairs.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "sparsity/mask.hpp"

namespace sparsecim {
namespace {

std::vector<float> normal_matrix(std::int64_t size, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<std::size_t>(size));
  for (float& value : values) value = normal(random);
  return values;
}

double importance(std::span<const float> weights, std::span<const float> norms, std::int64_t n_in) {
  double sum = 0;
  for (std::size_t i = 0; i < weights.size(); ++i)
    sum += std::abs(weights[i]) * (norms.empty() ? 1 : norms[i % static_cast<std::size_t>(n_in)]);
  return sum;
}

/// The largest importance that a group of rows can keep of one block of M columns, by trying every choice of 0, 1 or 2
/// slots for each pair.
double best_by_trying(std::span<const float> rows, std::int64_t width, std::int64_t n_slots) {
  const std::int64_t pairs = width / 2, n_rows = std::ssize(rows) / width;
  double best = 0;
  for (std::int64_t choice = 0; choice < static_cast<std::int64_t>(std::pow(3, pairs)); ++choice) {
    std::int64_t rest = choice, used = 0;
    double sum = 0;
    for (std::int64_t pair = 0; pair < pairs; ++pair, rest /= 3) {
      used += rest % 3;
      for (std::int64_t row = 0; row < n_rows; ++row) {
        const float a = std::abs(rows[static_cast<std::size_t>(row * width + 2 * pair)]);
        const float b = std::abs(rows[static_cast<std::size_t>(row * width + 2 * pair + 1)]);
        sum += rest % 3 == 0 ? 0 : rest % 3 == 1 ? std::max(a, b) : a + b;
      }
    }
    if (used <= n_slots) best = std::max(best, sum);
  }
  return best;
}

TEST(SharedPairs, KeepTheMostImportanceThatAnyChoiceOfSlotsKeeps) {
  std::uint64_t seed = 1;
  for (const Pattern pattern : {Pattern{1, 4}, {2, 4}, {3, 4}, {2, 8}, {3, 8}, {4, 8}, {5, 8}})
    for (const std::int64_t rows : {1, 2, 5, 32}) {
      std::vector<float> weights = normal_matrix(rows * pattern.m, seed++);
      const double best = best_by_trying(weights, pattern.m, pattern.n);
      ASSERT_TRUE(apply_shared_pairs(weights, pattern.m, {}, pattern, std::max<std::int64_t>(rows, 2)));
      EXPECT_NEAR(importance(weights, {}, pattern.m), best, 1e-6 * best) << pattern.name() << ", " << rows << " rows";
      EXPECT_EQ(zero_statistics(weights, pattern.m, {&pattern, 1}).satisfied.size(), 1u);
    }
}

TEST(SharedPairs, OfOneRowAreTheMaskOfEveryRowByItself) {
  const Pattern pattern{4, 8};
  std::vector<float> shared = normal_matrix(6 * 24, 7), alone = shared;
  ASSERT_TRUE(apply_shared_pairs(shared, 24, {}, pattern, 1));
  ASSERT_TRUE(apply_nm(alone, 24, {}, pattern));
  EXPECT_EQ(shared, alone);
}

TEST(SharedPairs, AreChosenByWeightTimesNorm) {
  // Two rows; by magnitude the slots of 2:4 go to the left pair, by importance to the right one.
  std::vector<float> weights = {5, 4, 1, 1, 5, 4, 1, 1};
  ASSERT_TRUE(apply_shared_pairs(weights, 4, {}, {2, 4}, 2));
  EXPECT_EQ(weights, (std::vector<float>{5, 4, 0, 0, 5, 4, 0, 0}));
  weights = {5, 4, 1, 1, 5, 4, 1, 1};
  ASSERT_TRUE(apply_shared_pairs(weights, 4, std::vector<float>{1, 1, 100, 100}, {2, 4}, 2));
  EXPECT_EQ(weights, (std::vector<float>{0, 0, 1, 1, 0, 0, 1, 1}));
}

TEST(SharedPairs, OfOneSlotKeepWhicheverIsLargerInEachRow) {
  std::vector<float> weights = {3, 1, 0, 0, -1, 2, 0, 0, 2, 2, 0, 0};
  ASSERT_TRUE(apply_shared_pairs(weights, 4, {}, {1, 4}, 3));
  EXPECT_EQ(weights, (std::vector<float>{3, 0, 0, 0, 0, 2, 0, 0, 2, 0, 0, 0}));
}

TEST(SharedPairs, BeginAnewInEveryGroupOfRowsAndEndWithShorterOnes) {
  const std::int64_t n_in = 21;  // blocks of 8, 8 and 5
  std::vector<float> weights = normal_matrix(5 * n_in, 9);
  std::vector<float> first(weights.begin(), weights.begin() + 3 * n_in),
      last(weights.begin() + 3 * n_in, weights.end());
  ASSERT_TRUE(apply_shared_pairs(weights, n_in, {}, {4, 8}, 3));
  ASSERT_TRUE(apply_shared_pairs(first, n_in, {}, {4, 8}, 3));
  ASSERT_TRUE(apply_shared_pairs(last, n_in, {}, {4, 8}, 2));
  first.insert(first.end(), last.begin(), last.end());
  EXPECT_EQ(weights, first);
  for (std::size_t row = 0; row < 5; ++row)
    EXPECT_LE(21 - std::ranges::count(std::span(weights).subspan(row * 21, 21), 0.f), 11);
}

TEST(SharedPairs, RefuseOddBlocksAndWeightsThatAreNotFinite) {
  std::vector<float> weights(10, 1);
  const auto odd = apply_shared_pairs(weights, 5, {}, {2, 5}, 2);
  ASSERT_FALSE(odd);
  EXPECT_EQ(odd.error().line(), "2:5 has no pairs to share; choose an even M");
  weights = {1, 1, 1, 1, 1, 1, NAN, 1};
  const auto broken = apply_shared_pairs(weights, 4, {}, {2, 4}, 2);
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().what, "row 1, column 2: weight nan times its norm is not finite");
}

}  // namespace
}  // namespace sparsecim
