#include "sparsity/outliers.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <limits>
#include <random>

#include "base/threads.hpp"

namespace sparsecim {
namespace {

struct Point {
  std::int64_t row, column;
};

/// A matrix of ones with `high` at the given places.
std::vector<float> matrix_with(std::int64_t n_out, std::int64_t n_in, const std::vector<Point>& points, float high) {
  std::vector<float> values(static_cast<std::size_t>(n_out * n_in), 1);
  for (const Point& point : points) values[static_cast<std::size_t>(point.row * n_in + point.column)] = high;
  return values;
}

double brute_force_mean_distance(const std::vector<Point>& points) {
  double sum = 0, pairs = 0;
  for (std::size_t a = 0; a < points.size(); ++a)
    for (std::size_t b = 0; b < a; ++b, ++pairs)
      sum +=
          static_cast<double>(std::abs(points[a].row - points[b].row) + std::abs(points[a].column - points[b].column));
  return sum / pairs;
}

/// Mean over all ordered pairs of places, which is what (R^2-1)/(3R) + (C^2-1)/(3C) must be.
double brute_force_chance(std::int64_t n_out, std::int64_t n_in) {
  std::int64_t sum = 0;
  for (std::int64_t a = 0; a < n_out * n_in; ++a)
    for (std::int64_t b = 0; b < n_out * n_in; ++b)
      sum += std::abs(a / n_in - b / n_in) + std::abs(a % n_in - b % n_in);
  const auto places = static_cast<double>(n_out * n_in);
  return static_cast<double>(sum) / (places * places);
}

Outliers outliers_of(const std::vector<float>& values, std::int64_t n_out, std::int64_t n_in, double tau = 3) {
  const ScoredMatrix matrix{values, n_out, n_in, {}};
  return find_outliers({&matrix, 1}, tau).value().front();
}

TEST(Outliers, AreThoseAboveTauTimesTheMean) {
  const Outliers outliers = outliers_of({1, 1, 1, 1, 1, -7}, 2, 3);  // mean 2, threshold 6
  EXPECT_EQ(outliers.count, 1);
  EXPECT_DOUBLE_EQ(outliers.mean_score, 2);
  EXPECT_DOUBLE_EQ(outliers.share(), 1 / 6.0);
  EXPECT_EQ(outliers_of({1, 1, 1, 1, 1, 7}, 2, 3, 3.5).count, 0) << "7 > 3.5 * 2 is false";
}

TEST(Outliers, AreFoundByScoreAndNotByWeight) {
  const std::vector<float> values = {1, 1, 1, 1, 1, 1, 1, 1}, norms = {1, 1, 1, 100};
  const ScoredMatrix matrix{values, 2, 4, norms};
  const Outliers outliers = find_outliers({&matrix, 1}, 3).value().front();
  EXPECT_EQ(outliers.count, 2);
  EXPECT_DOUBLE_EQ(outliers.mean_score, 103 / 4.0);
  EXPECT_DOUBLE_EQ(outliers.distribution, 1 / (3 / 6.0 + 15 / 12.0)) << "one row apart, in one column";
}

TEST(Outliers, OfALayerShareOneMeanOverAllItsWeights) {
  const std::vector<float> quiet(64, 1), loud(8, 10);
  const std::vector<ScoredMatrix> layer = {{quiet, 8, 8, {}}, {loud, 2, 4, {}}};
  const auto together = find_outliers(layer, 3).value();  // mean (64 + 80) / 72 = 2, threshold 6
  EXPECT_EQ(together[0].count, 0);
  EXPECT_EQ(together[1].count, 8);
  EXPECT_EQ(find_outliers({&layer[1], 1}, 3).value()[0].count, 0) << "by itself the second matrix has none";
}

TEST(Outliers, InLargeNumbersAreAllCounted) {  // no sample of the first so many
  std::mt19937 random(1);
  std::vector<Point> points;
  for (std::int64_t i = 0; i < 300; ++i)
    for (std::int64_t j = 0; j < 400; ++j)
      if (random() % 8 == 0) points.push_back({i, j});
  ASSERT_GT(points.size(), 14000u);
  const Outliers outliers = outliers_of(matrix_with(300, 400, points, 100), 300, 400);
  EXPECT_EQ(outliers.count, static_cast<std::int64_t>(points.size()));
  EXPECT_NEAR(outliers.distribution, 1, 0.01) << "scattered by chance";
}

TEST(OutlierDistribution, IsTheMeanPairwiseDistanceOverThatOfChance) {
  std::mt19937 random(2);
  for (int trial = 0; trial < 300; ++trial) {
    const std::int64_t n_out = 1 + random() % 9, n_in = 4 + random() % 9;
    std::vector<Point> points;
    for (std::int64_t place = 0; place < n_out * n_in; ++place)
      if (random() % 6 == 0) points.push_back({place / n_in, place % n_in});
    if (points.size() < 2) continue;
    const Outliers outliers = outliers_of(matrix_with(n_out, n_in, points, 1e6), n_out, n_in, 1.0);
    ASSERT_EQ(outliers.count, static_cast<std::int64_t>(points.size()));
    EXPECT_NEAR(outliers.distribution, brute_force_mean_distance(points) / brute_force_chance(n_out, n_in), 1e-12);
  }
}

TEST(OutlierDistribution, IsSmallForAClusterAndLargeForOppositeCorners) {
  const std::vector<Point> cluster = {{8, 8}, {8, 9}, {9, 8}, {9, 9}}, corners = {{0, 0}, {63, 63}};
  EXPECT_LT(outliers_of(matrix_with(64, 64, cluster, 100), 64, 64).distribution, 0.05);
  EXPECT_GT(outliers_of(matrix_with(64, 64, corners, 100), 64, 64).distribution, 2.9);
}

/// Distances between flattened indices put two rows' neighbours a whole row apart, and say about a column of outliers
/// what they say about scattered ones.
TEST(OutlierDistribution, OfAColumnIsThatOfARowTurnedAround) {
  std::vector<Point> row, column;
  for (std::int64_t k = 0; k < 16; ++k) row.push_back({5, k}), column.push_back({k, 5});
  EXPECT_DOUBLE_EQ(outliers_of(matrix_with(48, 48, row, 100), 48, 48).distribution,
                   outliers_of(matrix_with(48, 48, column, 100), 48, 48).distribution);
}

/// What a flattened distance gets wrong: there it follows the density of scattered outliers. Here it stays at chance.
TEST(OutlierDistribution, OfScatteredOutliersDoesNotDependOnTheirDensity) {
  std::mt19937 random(3);
  for (const unsigned one_in : {9u, 50u, 400u}) {
    std::vector<Point> points;
    for (std::int64_t place = 0; place < 512 * 512; ++place)
      if (random() % one_in == 0) points.push_back({place / 512, place % 512});
    EXPECT_NEAR(outliers_of(matrix_with(512, 512, points, 1e4), 512, 512).distribution, 1, 0.02) << one_in;
  }
}

TEST(OutlierDistribution, IsOneWhereThereAreFewerThanTwo) {
  EXPECT_EQ(outliers_of(std::vector<float>(64, 1), 8, 8).distribution, 1);
  const Outliers single = outliers_of(matrix_with(8, 8, {{7, 7}}, 100), 8, 8);
  EXPECT_EQ(single.count, 1);
  EXPECT_EQ(single.distribution, 1);
  EXPECT_EQ(outliers_of(std::vector<float>(64, 0), 8, 8).count, 0) << "no score exceeds a mean of zero";
}

/// Pairs that share a group, over the mean number of such pairs over all ways to place as many outliers.
double brute_force_crowding(std::int64_t n_out, std::int64_t n_in, const std::vector<Point>& points) {
  const auto together = [](const Point& a, const Point& b) { return a.row == b.row && a.column / 8 == b.column / 8; };
  double pairs = 0, places_together = 0, places = 0;
  for (std::size_t a = 0; a < points.size(); ++a)
    for (std::size_t b = 0; b < a; ++b) pairs += together(points[a], points[b]);
  for (std::int64_t a = 0; a < n_out * n_in; ++a)
    for (std::int64_t b = 0; b < a; ++b, ++places)
      places_together += together({a / n_in, a % n_in}, {b / n_in, b % n_in});
  const double k = static_cast<double>(points.size());
  return pairs / (k * (k - 1) / 2 * places_together / places);
}

TEST(OutlierCrowding, IsThePairsInGroupsOfEightOverThoseOfChance) {
  std::mt19937 random(5);
  for (int trial = 0; trial < 100; ++trial) {
    const std::int64_t n_out = 1 + random() % 5, n_in = 4 + random() % 20;
    std::vector<Point> points;
    for (std::int64_t place = 0; place < n_out * n_in; ++place)
      if (random() % 4 == 0) points.push_back({place / n_in, place % n_in});
    if (points.size() < 2) continue;
    const Outliers outliers = outliers_of(matrix_with(n_out, n_in, points, 1e6), n_out, n_in, 1.0);
    ASSERT_EQ(outliers.count, static_cast<std::int64_t>(points.size()));
    EXPECT_NEAR(outliers.crowding, brute_force_crowding(n_out, n_in, points), 1e-9);
  }
}

/// What the distance over a whole matrix does not see: pairs of neighbours, the pairs scattered by chance.
TEST(OutlierCrowding, SeesNeighboursWhereTheDistributionSaysChance) {
  std::mt19937 random(6);
  std::vector<Point> points;
  for (std::int64_t place = 0; place < 512 * 512; place += 8)
    if (random() % 50 == 0)
      points.push_back({place / 512, place % 512}), points.push_back({place / 512, place % 512 + 1});
  const Outliers outliers = outliers_of(matrix_with(512, 512, points, 1e4), 512, 512);
  EXPECT_NEAR(outliers.distribution, 1, 0.02);
  EXPECT_GT(outliers.crowding, 10);
  const Outliers single = outliers_of(matrix_with(8, 8, {{7, 7}}, 100), 8, 8);
  EXPECT_EQ(single.crowding, 1) << "no pair";
  const Outliers column = outliers_of(matrix_with(9, 1, {{1, 0}, {5, 0}}, 100), 9, 1);
  EXPECT_EQ(column.crowding, 1) << "groups of one place";
}

TEST(MeanPairwiseL1, StaysExactWhereProductsExceedSixtyFourBits) {
  const std::vector<std::int64_t> row(100'000, 100'000), column = {10'000'000'000};
  const double n = 100'000;  // uniform over n places: n^2 (n^2 - 1) / 6 * 100000^2 / n^2 over all ordered pairs
  const double count = 1e10, sum = n * (n * n - 1) / 6 * 1e10;
  EXPECT_NEAR(mean_pairwise_l1(row, column) / (sum / (count * (count - 1) / 2)), 1, 1e-12);
}

TEST(CombinedOutliers, WeighDistributionsByTheirCounts) {
  const std::vector<Outliers> matrices = {
      {.weights = 100, .count = 6, .mean_score = 1, .distribution = 0.5, .crowding = 4},
      {.weights = 300, .count = 2, .mean_score = 3, .distribution = 0.9, .crowding = 2},
      {.weights = 50, .count = 0, .mean_score = 0, .distribution = 1}};
  const Outliers all = combine(matrices);
  EXPECT_EQ(all.count, 8);
  EXPECT_EQ(all.weights, 450);
  EXPECT_DOUBLE_EQ(all.share(), 8 / 450.0);
  EXPECT_DOUBLE_EQ(all.mean_score, 1000 / 450.0);
  EXPECT_DOUBLE_EQ(all.distribution, (6 * 0.5 + 2 * 0.9) / 8);
  EXPECT_DOUBLE_EQ(all.crowding, (6 * 4 + 2 * 2) / 8.0);
  EXPECT_EQ(combine({}).distribution, 1);
  EXPECT_EQ(combine({}).crowding, 1);
}

TEST(Outliers, AreTheSameOnAnyNumberOfThreads) {
  std::mt19937 random(4);
  std::normal_distribution<float> normal;
  std::vector<float> values(61 * 67);
  for (float& value : values) value = normal(random);
  const int before = thread_count();
  set_thread_count(1);
  const Outliers alone = outliers_of(values, 61, 67, 2);
  set_thread_count(7);
  const Outliers together = outliers_of(values, 61, 67, 2);
  set_thread_count(before);
  EXPECT_GT(alone.count, 0);
  EXPECT_EQ(alone.count, together.count);
  EXPECT_EQ(alone.mean_score, together.mean_score);
  EXPECT_EQ(alone.distribution, together.distribution);
  EXPECT_EQ(alone.crowding, together.crowding);
}

TEST(Outliers, RefuseWhatIsNotFinite) {
  const std::vector<float> fine(4, 1), broken = {1, std::nanf(""), 1, 1}, norms = {1, -1}, huge(4, 1e30f);
  const auto refusal = [](const ScoredMatrix& first, const ScoredMatrix& second) {
    const std::vector<ScoredMatrix> layer = {first, second};
    const auto result = find_outliers(layer, 3);
    return result ? "accepted" : result.error().what;
  };
  EXPECT_EQ(refusal({fine, 2, 2, {}}, {broken, 2, 2, {}}),
            "matrix 1: a weight, or its product with the norm of its column, is not finite");
  EXPECT_EQ(refusal({huge, 1, 4, huge}, {fine, 2, 2, {}}),
            "matrix 0: a weight, or its product with the norm of its column, is not finite");
  EXPECT_EQ(refusal({fine, 2, 2, norms}, {fine, 2, 2, {}}), "matrix 0: the norm of input column 1 is -1");
}

}  // namespace
}  // namespace sparsecim
