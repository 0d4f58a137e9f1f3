#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "sparsity/selection_fixture.hpp"

namespace sparsecim {
namespace {

TEST(FlowSelection, GivesClusteredOutliersLargerM) {
  const Statistics statistics = statistics_of({{0.01, 0.2}, {0.01, 1.1}});
  EXPECT_EQ(patterns_of(select_by_statistics(statistics, request_of(0.5, "2:4,4:8")).value()),
            (std::vector<std::string>{"4:8", "2:4"}));
}

TEST(FlowSelection, GivesMoreOutliersLargerN) {
  const Statistics statistics = statistics_of({{0.001, 0.5}, {0.02, 0.5}});
  EXPECT_EQ(patterns_of(select_by_statistics(statistics, request_of(0.5, "dense,4:8,2:8")).value()),
            (std::vector<std::string>{"4:8", "4:8"}));
  EXPECT_EQ(patterns_of(select_by_statistics(statistics, request_of(0.625, "dense,4:8,2:8")).value()),
            (std::vector<std::string>{"2:8", "4:8"}));
}

TEST(FlowSelection, SaysWhereLayersCannotBeToldApart) {
  const auto plan = select_by_statistics(statistics_of({{0.01, 0.9}, {0.01, 0.9}}), request_of(0.5)).value();
  ASSERT_EQ(plan.notes.size(), 3u);
  EXPECT_EQ(plan.notes[1], "every layer has the same share of outliers: O' is 0.5 for all");
  EXPECT_EQ(plan.notes[2], "every layer has the same outlier distribution: ND' is 0.5 for all");
}

TEST(FlowSelection, SaysHowManyLayersHaveTooFewOutliers) {
  const auto plan = select_by_statistics(statistics_of({{0, 1}, {0.01, 0.9}}), request_of(0.5)).value();
  EXPECT_EQ(plan.notes.back(), "1 of 2 layers have fewer than two outliers: ND is 1 there");
}

/// Min-max stretches a range of 0.02 to the whole; against chance both layers scatter, and want a small M.
TEST(FlowSelection, AgainstChanceDoesNotStretchSmallDifferences) {
  const Statistics statistics = statistics_of({{0.01, 0.98}, {0.01, 1.00}});
  SelectionRequest request = request_of(0.5, "2:4,4:8");
  EXPECT_EQ(patterns_of(select_by_statistics(statistics, request).value()), (std::vector<std::string>{"4:8", "2:4"}));
  request.distribution = Distribution::kChance;
  EXPECT_EQ(patterns_of(select_by_statistics(statistics, request).value()), (std::vector<std::string>{"2:4", "2:4"}));
}

/// Statistics of a block are those of its matrices together, and its matrices share one pattern.
TEST(FlowSelection, ByBlockGivesAllMatricesOfABlockOnePattern) {
  Statistics statistics = statistics_of({{0.01, 0.2}, {0.01, 0.2}, {0.01, 1.1}, {0.01, 1.1}});
  for (std::size_t i = 0; i < 4; ++i) statistics.matrices[i].block = static_cast<std::int64_t>(i % 2);  // interleaved
  statistics.matrices[1].outliers[0].distribution = 0.9;
  const auto plan = select_by_statistics(statistics, request_of(0.5, "2:4,4:8")).value();  // ND 0.65 and 1.0
  EXPECT_EQ(patterns_of(plan), (std::vector<std::string>{"4:8", "2:4", "4:8", "2:4"}));
}

TEST(FlowSelection, ByMatrixChoosesForEach) {
  Statistics statistics = statistics_of({{0.01, 0.2}, {0.01, 1.1}});
  statistics.matrices[1].block = 0;
  SelectionRequest request = request_of(0.5, "2:4,4:8");
  request.granularity = Granularity::kMatrix;
  request.tau = 4;
  EXPECT_EQ(select_by_statistics(statistics, request).error().what,
            "the statistics count no outliers above 4 times the mean of a matrix");
  request.tau = 5;
  EXPECT_EQ(patterns_of(select_by_statistics(statistics, request).value()), (std::vector<std::string>{"4:8", "2:4"}));
}

/// Every plan of six blocks, its objective computed from the formula: the plan found must be the best one. Odd sizes
/// make shorter last groups.
TEST(FlowSelection, FindsTheSamePlanAsBruteForceOnEveryInstanceOfSixLayers) {
  std::mt19937 random(5);
  std::uniform_real_distribution<> uniform;
  for (int trial = 0; trial < 40; ++trial) {
    std::vector<LayerOutliers> layers;
    for (int i = 0; i < 6; ++i) layers.push_back({0.5 * uniform(random), 0.5 + uniform(random)});
    const Statistics statistics = statistics_of(layers, trial % 2 == 0 ? 64 : 61);
    const SelectionRequest request = request_of(0.75 * uniform(random) * 0.98);
    const auto plan = select_by_statistics(statistics, request);
    ASSERT_TRUE(plan) << plan.error().line();

    const auto share = [&](std::size_t l) { return statistics.matrices[l].outliers[0].share(); };
    double low = 1, high = 0, near = 9, far = 0;
    for (std::size_t l = 0; l < 6; ++l) {
      low = std::min(low, share(l)), high = std::max(high, share(l));
      near = std::min(near, layers[l].distribution), far = std::max(far, layers[l].distribution);
    }
    const auto judge = [&](Plan candidate) {
      double cost = 0;
      for (std::size_t l = 0; l < 6; ++l) {
        const Pattern p = candidate.matrices[l].pattern;
        cost += std::abs(p.n - (share(l) - low) / (high - low) * 8) +
                4 * std::abs(p.m - (1 - (layers[l].distribution - near) / (far - near)) * 8);
      }
      return std::pair(candidate.sparsity(), cost);
    };
    auto best = std::pair(2.0, 0.0);
    for (int code = 0; code < 4096; ++code) {
      Plan candidate = *plan;
      for (std::size_t l = 0; l < 6; ++l)
        candidate.matrices[l].pattern = request.options[static_cast<std::size_t>(code >> (2 * l) & 3)];
      const auto judged = judge(candidate);
      if (judged.first < request.sparsity) continue;
      const bool sparser = judged.first < best.first - 1e-12;
      if (sparser || (judged.first < best.first + 1e-12 && judged.second < best.second)) best = judged;
    }
    EXPECT_NEAR(judge(*plan).first, best.first, 1e-12);
    EXPECT_NEAR(judge(*plan).second, best.second, 1e-9);
  }
}

/// Outliers at the smallest M are what 1/distance would ask for: the inverse rule is a control, and says so.
TEST(FlowSelection, ByTheInverseRuleGivesScatteredOutliersLargerM) {
  const Statistics statistics = statistics_of({{0.01, 0.2}, {0.01, 1.1}});
  SelectionRequest request = request_of(0.5, "2:4,4:8");
  request.m_rule = MRule::kInverse;
  const auto plan = select_by_statistics(statistics, request).value();
  EXPECT_EQ(patterns_of(plan), (std::vector<std::string>{"2:4", "4:8"}));
  EXPECT_EQ(plan.notes[1], "M grows with ND', the inverse of FLOW's rule");
}

TEST(FlowSelection, ReadsTheOutliersOfItsOwnThreshold) {
  Statistics statistics = statistics_of({{0.01, 0.2}, {0.01, 1.1}});
  ASSERT_EQ(statistics.scope.thresholds[2], (Threshold{5, Granularity::kBlock}));
  std::swap(statistics.matrices[0].outliers[2], statistics.matrices[1].outliers[2]);
  SelectionRequest request = request_of(0.5, "2:4,4:8");
  request.tau = 5;
  EXPECT_EQ(patterns_of(select_by_statistics(statistics, request).value()), (std::vector<std::string>{"2:4", "4:8"}));
}

}  // namespace
}  // namespace sparsecim
