#include "sparsity/select.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <set>

#include "sparsity/mask.hpp"

namespace sparsecim {
namespace {

/// What is said of the outliers of a layer.
struct Layer {
  double share, distribution;
};

/// One matrix of 64 x 64 per block.
Statistics statistics_of(const std::vector<Layer>& layers, std::int64_t n_in = 64) {
  Statistics statistics;
  statistics.inputs = {{.name = "x", .mean_squares = std::vector<float>(static_cast<std::size_t>(n_in), 1)}};
  for (const Layer& layer : layers) {
    const auto block = static_cast<std::int64_t>(statistics.matrices.size());
    const std::int64_t weights = 64 * n_in;
    statistics.matrices.push_back({.name = fmt::format("block{}", block),
                                   .block = block,
                                   .n_out = 64,
                                   .n_in = n_in,
                                   .outliers = {.weights = weights,
                                                .count = std::llround(layer.share * static_cast<double>(weights)),
                                                .distribution = layer.distribution}});
  }
  return statistics;
}

SelectionRequest request_of(double sparsity, const char* options = "dense,2:4,4:8,2:8") {
  SelectionRequest request;
  request.sparsity = sparsity;
  request.options = parse_patterns(options).value();
  return request;
}

std::vector<std::string> patterns_of(const Plan& plan) {
  std::vector<std::string> names;
  for (const PlannedMatrix& matrix : plan.matrices) names.push_back(matrix.pattern.name());
  return names;
}

Plan model_of(int blocks, std::int64_t n_in = 64) {
  return dense_plan(statistics_of(std::vector<Layer>(static_cast<std::size_t>(blocks), {0.01, 1}), n_in));
}

// ---- uniform ----

TEST(UniformSelection, TakesTheOptionOfTheSparsityAskedForWithTheLargestM) {
  for (const auto& [sparsity, expected] :
       std::vector<std::pair<double, std::string>>{{0, "dense"}, {0.5, "4:8"}, {0.75, "2:8"}}) {
    const auto plan = select_uniform(model_of(32), request_of(sparsity));
    ASSERT_TRUE(plan) << plan.error().line();
    EXPECT_EQ(patterns_of(*plan), std::vector<std::string>(32, expected)) << "first and last block too";
    EXPECT_DOUBLE_EQ(plan->sparsity(), sparsity);
    EXPECT_TRUE(plan->notes.empty());
  }
}

TEST(UniformSelection, NamesTheNearestSparsitiesWhereNoOptionHasThatAskedFor) {
  EXPECT_EQ(
      select_uniform(model_of(2), request_of(0.6)).error().line(),
      "no single pattern of {dense, 2:4, 4:8, 2:8} has sparsity 0.60: nearest are 0.50 (2:4, 4:8) and 0.75 (2:8); "
      "ask for one of these, or choose a pattern per layer with --method flow");
  EXPECT_EQ(select_uniform(model_of(2), request_of(0.9)).error().what,
            "no single pattern of {dense, 2:4, 4:8, 2:8} has sparsity 0.90: nearest are 0.75 (2:8)");
}

TEST(UniformSelection, SaysWhereShorterLastGroupsKeepMore) {
  const auto plan = select_uniform(model_of(2, 67), request_of(0.5)).value();  // 64 + 3: 32 + ceil(4*3/8)
  EXPECT_DOUBLE_EQ(plan.sparsity(), 1 - 34 / 67.0);
  ASSERT_EQ(plan.notes.size(), 1u);
  EXPECT_EQ(plan.notes[0], "sparsity 0.492537 for 0.500000 asked: rows that are no multiple of 8 keep more");
}

// ---- FLOW's rules ----

TEST(FlowSelection, GivesClusteredOutliersLargerM) {
  const Statistics statistics = statistics_of({{0.01, 0.2}, {0.01, 1.1}});
  EXPECT_EQ(patterns_of(select_flow(statistics, request_of(0.5, "2:4,4:8")).value()),
            (std::vector<std::string>{"4:8", "2:4"}));
}

TEST(FlowSelection, GivesMoreOutliersLargerN) {
  const Statistics statistics = statistics_of({{0.001, 0.5}, {0.02, 0.5}});
  EXPECT_EQ(patterns_of(select_flow(statistics, request_of(0.5, "dense,4:8,2:8")).value()),
            (std::vector<std::string>{"4:8", "4:8"}));
  EXPECT_EQ(patterns_of(select_flow(statistics, request_of(0.625, "dense,4:8,2:8")).value()),
            (std::vector<std::string>{"2:8", "4:8"}));
}

TEST(FlowSelection, SaysWhereLayersCannotBeToldApart) {
  const auto plan = select_flow(statistics_of({{0.01, 0.9}, {0.01, 0.9}}), request_of(0.5)).value();
  ASSERT_EQ(plan.notes.size(), 3u);
  EXPECT_EQ(plan.notes[1], "every layer has the same share of outliers: O' is 0.5 for all");
  EXPECT_EQ(plan.notes[2], "every layer has the same outlier distribution: ND' is 0.5 for all");
}

TEST(FlowSelection, SaysHowManyLayersHaveTooFewOutliers) {
  const auto plan = select_flow(statistics_of({{0, 1}, {0.01, 0.9}}), request_of(0.5)).value();
  EXPECT_EQ(plan.notes.back(), "1 of 2 layers have fewer than two outliers: ND is 1 there");
}

/// Min-max stretches a range of 0.02 to the whole; against chance both layers scatter, and want a small M.
TEST(FlowSelection, AgainstChanceDoesNotStretchSmallDifferences) {
  const Statistics statistics = statistics_of({{0.01, 0.98}, {0.01, 1.00}});
  SelectionRequest request = request_of(0.5, "2:4,4:8");
  EXPECT_EQ(patterns_of(select_flow(statistics, request).value()), (std::vector<std::string>{"4:8", "2:4"}));
  request.distribution = Distribution::kChance;
  EXPECT_EQ(patterns_of(select_flow(statistics, request).value()), (std::vector<std::string>{"2:4", "2:4"}));
}

/// Statistics of a block are those of its matrices together, and its matrices share one pattern.
TEST(FlowSelection, ByBlockGivesAllMatricesOfABlockOnePattern) {
  Statistics statistics = statistics_of({{0.01, 0.2}, {0.01, 0.2}, {0.01, 1.1}, {0.01, 1.1}});
  for (std::size_t i = 0; i < 4; ++i) statistics.matrices[i].block = static_cast<std::int64_t>(i % 2);  // interleaved
  statistics.matrices[1].outliers.distribution = 0.9;
  const auto plan = select_flow(statistics, request_of(0.5, "2:4,4:8")).value();  // ND 0.65 and 1.0
  EXPECT_EQ(patterns_of(plan), (std::vector<std::string>{"4:8", "2:4", "4:8", "2:4"}));
}

TEST(FlowSelection, ByMatrixChoosesForEach) {
  Statistics statistics = statistics_of({{0.01, 0.2}, {0.01, 1.1}});
  statistics.matrices[1].block = 0;
  statistics.granularity = Granularity::kMatrix;
  SelectionRequest request = request_of(0.5, "2:4,4:8");
  EXPECT_EQ(select_flow(statistics, request).error().what,
            "outliers were counted by matrix, but patterns are to be chosen by block");
  request.granularity = Granularity::kMatrix;
  EXPECT_EQ(patterns_of(select_flow(statistics, request).value()), (std::vector<std::string>{"4:8", "2:4"}));
}

// ---- the budget ----

TEST(Selection, NamesTheNearestFeasibleSparsityWhenTheBudgetCannotBeMet) {
  const Statistics statistics = statistics_of({{0.01, 0.2}, {0.02, 1.1}});
  EXPECT_EQ(select_flow(statistics, request_of(0.6, "dense,2:4")).error().line(),
            "sparsity 0.60 cannot be met with {dense, 2:4}: at most 0.50; add 2:8 or 1:4, or ask for --sparsity 0.5");
  EXPECT_EQ(select_flow(statistics, request_of(0.95)).error().line(),
            "sparsity 0.95 cannot be met with {dense, 2:4, 4:8, 2:8}: at most 0.75; ask for --sparsity 0.75");
  const Statistics odd = statistics_of({{0.01, 0.2}, {0.02, 1.1}}, 67);
  EXPECT_EQ(select_flow(odd, request_of(0.5, "dense,2:4")).error().line(),
            "sparsity 0.50 cannot be met with {dense, 2:4}: at most 0.4925; add 2:8 or 1:4, or ask for --sparsity "
            "0.4925");
  EXPECT_TRUE(select_flow(odd, request_of(0.4925, "dense,2:4"))) << "what is named can be asked for";
}

TEST(Selection, RefusesImpossibleRequests) {
  const Statistics statistics = statistics_of({{0.01, 0.2}, {0.02, 1.1}});
  for (const double sparsity : {-0.1, 1.0, 1.5, std::nan("")}) {
    EXPECT_FALSE(select_flow(statistics, request_of(sparsity)));
    EXPECT_FALSE(select_uniform(model_of(2), request_of(sparsity)));
  }
  SelectionRequest request = request_of(0.5);
  request.beta = -1;
  EXPECT_EQ(select_flow(statistics, request).error().what, "alpha 1 and beta -1 must be numbers that are not negative");
  request = request_of(0.5);
  request.options.clear();
  EXPECT_EQ(select_flow(statistics, request).error().what, "there is no pattern to choose from");
}

TEST(Selection, ReachesTheLeastSparsityAtOrAboveThatAskedForAndPrintsTheSlack) {
  std::vector<Layer> layers;
  for (int i = 0; i < 12; ++i) layers.push_back({0.001 * (i + 1), 0.9 + 0.01 * (i * 5 % 12)});
  const auto plan = select_flow(statistics_of(layers), request_of(0.6)).value();
  EXPECT_DOUBLE_EQ(plan.sparsity(), 29 / 48.0) << "quarters of a layer: 28.8 of 48 are asked for";
  EXPECT_EQ(plan.notes[0],
            "sparsity 0.604167 for 0.600000 asked, slack 0.004167: the least that {dense, 2:4, 4:8, "
            "2:8} can reach at or above it");
  const auto exact = select_flow(statistics_of(layers), request_of(0.5)).value();
  EXPECT_DOUBLE_EQ(exact.sparsity(), 0.5);
  EXPECT_TRUE(exact.notes[0].starts_with("sparsity 0.500000 for 0.500000 asked, slack 0.000000"));
}

/// 0.07 * 100 exceeds 7 in binary: a decimal sparsity must still be met exactly.
TEST(Selection, MeetsDecimalSparsitiesExactly) {
  const Statistics statistics = statistics_of(std::vector<Layer>(100, {0.01, 1}));
  for (int hundredths = 1; hundredths < 50; ++hundredths) {
    const auto plan = select_flow(statistics, request_of(hundredths / 100.0, "dense,1:2")).value();
    EXPECT_DOUBLE_EQ(plan.sparsity(), hundredths / 100.0);
  }
}

TEST(Selection, WeighsLayersByTheirWeightsOrAllTheSame) {
  Statistics statistics = statistics_of({{0.01, 0.5}, {0.02, 0.5}, {0.03, 0.5}});
  statistics.matrices[2].n_out = 640;
  statistics.matrices[2].outliers.weights *= 10;
  statistics.matrices[2].outliers.count *= 10;
  SelectionRequest request = request_of(0.25, "dense,4:8");
  const auto by_weights = select_flow(statistics, request).value();
  EXPECT_NEAR(by_weights.sparsity(), 5 / 12.0, 1e-12) << "the large one to 4:8: the small ones together reach 1/12";
  request.sparsity = 1 / 3.0;
  request.budget = Budget::kLayers;
  const auto by_layers = select_flow(statistics, request).value();
  double halved = 0;
  for (const PlannedMatrix& matrix : by_layers.matrices) halved += matrix.pattern.sparsity() / 3;
  EXPECT_DOUBLE_EQ(halved, 1 / 3.0) << "two layers of three";
  EXPECT_EQ(patterns_of(by_layers), (std::vector<std::string>{"4:8", "4:8", "dense"}));
  EXPECT_TRUE(by_layers.notes[0].ends_with(", every layer weighing the same"));
}

/// Every plan of six blocks, its objective computed from the formula: the plan found must be the best one. Odd sizes
/// make shorter last groups.
TEST(FlowSelection, FindsTheSamePlanAsBruteForceOnEveryInstanceOfSixLayers) {
  std::mt19937 random(5);
  std::uniform_real_distribution<> uniform;
  for (int trial = 0; trial < 40; ++trial) {
    std::vector<Layer> layers;
    for (int i = 0; i < 6; ++i) layers.push_back({0.5 * uniform(random), 0.5 + uniform(random)});
    const Statistics statistics = statistics_of(layers, trial % 2 == 0 ? 64 : 61);
    const SelectionRequest request = request_of(0.75 * uniform(random) * 0.98);
    const auto plan = select_flow(statistics, request);
    ASSERT_TRUE(plan) << plan.error().line();

    const auto share = [&](std::size_t l) { return statistics.matrices[l].outliers.share(); };
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

/// N counts kept weights everywhere: what the plan says is what the masks leave.
TEST(Selection, PromisesTheZerosThatTheMasksMake) {
  const Statistics statistics = statistics_of({{0.01, 0.2}, {0.02, 0.7}, {0.03, 1.1}, {0.002, 0.9}}, 67);
  const auto plan = select_flow(statistics, request_of(0.6, "hardware")).value();
  std::mt19937 random(6);
  std::normal_distribution<float> normal;
  std::int64_t zeros = 0;
  for (const PlannedMatrix& matrix : plan.matrices) {
    std::vector<float> weights(static_cast<std::size_t>(matrix.weights()));
    for (float& weight : weights) weight = normal(random);
    ASSERT_TRUE(apply_nm(weights, matrix.n_in, {}, matrix.pattern));
    zeros += zero_statistics(weights, matrix.n_in, {}).zeros;
  }
  EXPECT_EQ(zeros, plan.weights() - plan.kept());
  EXPECT_GE(plan.sparsity(), 0.6);
}

TEST(Selection, CarriesTheStatisticsIntoThePlan) {
  Statistics statistics = statistics_of({{0.25, 0.2}, {0.5, 0.7}});
  statistics.other_weights = 4096;
  const auto plan = select_flow(statistics, request_of(0.5)).value();
  EXPECT_EQ(plan.method, "flow");
  EXPECT_EQ(plan.requested_sparsity, 0.5);
  EXPECT_EQ(plan.matrices[0].outlier_share, 0.25);
  EXPECT_EQ(plan.matrices[1].outlier_distribution, 0.7);
  EXPECT_DOUBLE_EQ(plan.whole_model_sparsity(), plan.sparsity() * 2 / 3);
}

}  // namespace
}  // namespace sparsecim
