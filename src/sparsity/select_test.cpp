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
  statistics.scope = StatisticsScope::standard();
  statistics.inputs = {{.name = "x", .mean_squares = std::vector<float>(static_cast<std::size_t>(n_in), 1)}};
  for (const Layer& layer : layers) {
    const auto block = static_cast<std::int64_t>(statistics.matrices.size());
    const std::int64_t weights = 64 * n_in;
    const Outliers outliers{.weights = weights,
                            .count = std::llround(layer.share * static_cast<double>(weights)),
                            .distribution = layer.distribution};
    statistics.matrices.push_back({.name = fmt::format("block{}", block),
                                   .block = block,
                                   .n_out = 64,
                                   .n_in = n_in,
                                   .outliers = {statistics.scope.thresholds.size(), outliers},
                                   .dropped = std::vector<double>(statistics.scope.patterns.size())});
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
  const auto statistics = statistics_of(std::vector<Layer>(static_cast<std::size_t>(blocks), {0.01, 1}), n_in);
  return dense_plan(statistics, statistics.outliers({}).value());
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

// ---- the budget ----

TEST(Selection, NamesTheNearestFeasibleSparsityWhenTheBudgetCannotBeMet) {
  const Statistics statistics = statistics_of({{0.01, 0.2}, {0.02, 1.1}});
  EXPECT_EQ(select_by_statistics(statistics, request_of(0.6, "dense,2:4")).error().line(),
            "sparsity 0.60 cannot be met with {dense, 2:4}: at most 0.50; add 2:8 or 1:4, or ask for --sparsity 0.5");
  EXPECT_EQ(select_by_statistics(statistics, request_of(0.95)).error().line(),
            "sparsity 0.95 cannot be met with {dense, 2:4, 4:8, 2:8}: at most 0.75; ask for --sparsity 0.75");
  const Statistics odd = statistics_of({{0.01, 0.2}, {0.02, 1.1}}, 67);
  EXPECT_EQ(select_by_statistics(odd, request_of(0.5, "dense,2:4")).error().line(),
            "sparsity 0.50 cannot be met with {dense, 2:4}: at most 0.4925; add 2:8 or 1:4, or ask for --sparsity "
            "0.4925");
  EXPECT_TRUE(select_by_statistics(odd, request_of(0.4925, "dense,2:4"))) << "what is named can be asked for";
}

TEST(Selection, RefusesImpossibleRequests) {
  const Statistics statistics = statistics_of({{0.01, 0.2}, {0.02, 1.1}});
  for (const double sparsity : {-0.1, 1.0, 1.5, std::nan("")}) {
    EXPECT_FALSE(select_by_statistics(statistics, request_of(sparsity)));
    EXPECT_FALSE(select_uniform(model_of(2), request_of(sparsity)));
  }
  SelectionRequest request = request_of(0.5);
  request.beta = -1;
  EXPECT_EQ(select_by_statistics(statistics, request).error().what,
            "alpha 1 and beta -1 must be numbers that are not negative");
  request = request_of(0.5);
  request.options.clear();
  EXPECT_EQ(select_by_statistics(statistics, request).error().what, "there is no pattern to choose from");
}

TEST(Selection, ReachesTheLeastSparsityAtOrAboveThatAskedForAndPrintsTheSlack) {
  std::vector<Layer> layers;
  for (int i = 0; i < 12; ++i) layers.push_back({0.001 * (i + 1), 0.9 + 0.01 * (i * 5 % 12)});
  const auto plan = select_by_statistics(statistics_of(layers), request_of(0.6)).value();
  EXPECT_DOUBLE_EQ(plan.sparsity(), 29 / 48.0) << "quarters of a layer: 28.8 of 48 are asked for";
  EXPECT_EQ(plan.notes[0],
            "sparsity 0.604167 for 0.600000 asked, slack 0.004167: the least that {dense, 2:4, 4:8, "
            "2:8} can reach at or above it");
  const auto exact = select_by_statistics(statistics_of(layers), request_of(0.5)).value();
  EXPECT_DOUBLE_EQ(exact.sparsity(), 0.5);
  EXPECT_TRUE(exact.notes[0].starts_with("sparsity 0.500000 for 0.500000 asked, slack 0.000000"));
}

/// 0.07 * 100 exceeds 7 in binary: a decimal sparsity must still be met exactly.
TEST(Selection, MeetsDecimalSparsitiesExactly) {
  const Statistics statistics = statistics_of(std::vector<Layer>(100, {0.01, 1}));
  for (int hundredths = 1; hundredths < 50; ++hundredths) {
    const auto plan = select_by_statistics(statistics, request_of(hundredths / 100.0, "dense,1:2")).value();
    EXPECT_DOUBLE_EQ(plan.sparsity(), hundredths / 100.0);
  }
}

TEST(Selection, WeighsLayersByTheirWeightsOrAllTheSame) {
  Statistics statistics = statistics_of({{0.01, 0.5}, {0.02, 0.5}, {0.03, 0.5}});
  statistics.matrices[2].n_out = 640;
  for (Outliers& outliers : statistics.matrices[2].outliers) outliers.weights *= 10, outliers.count *= 10;
  SelectionRequest request = request_of(0.25, "dense,4:8");
  const auto by_weights = select_by_statistics(statistics, request).value();
  EXPECT_NEAR(by_weights.sparsity(), 5 / 12.0, 1e-12) << "the large one to 4:8: the small ones together reach 1/12";
  request.sparsity = 1 / 3.0;
  request.budget = Budget::kLayers;
  const auto by_layers = select_by_statistics(statistics, request).value();
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

/// N counts kept weights everywhere: what the plan says is what the masks leave.
TEST(Selection, PromisesTheZerosThatTheMasksMake) {
  const Statistics statistics = statistics_of({{0.01, 0.2}, {0.02, 0.7}, {0.03, 1.1}, {0.002, 0.9}}, 67);
  const auto plan = select_by_statistics(statistics, request_of(0.6, "hardware")).value();
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
  const auto plan = select_by_statistics(statistics, request_of(0.5)).value();
  EXPECT_EQ(plan.method, "flow");
  EXPECT_EQ(plan.requested_sparsity, 0.5);
  EXPECT_EQ(plan.matrices[0].outlier_share, 0.25);
  EXPECT_EQ(plan.matrices[1].outlier_distribution, 0.7);
  EXPECT_DOUBLE_EQ(plan.whole_model_sparsity(), plan.sparsity() * 2 / 3);
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

// ---- methods ----

TEST(Methods, AreReadByTheirNames) {
  for (const Method method : {Method::kUniform, Method::kFlow, Method::kOwl, Method::kErrorDiag, Method::kError,
                              Method::kLoss, Method::kShuffled})
    EXPECT_EQ(parse_method(name(method)), method);
  EXPECT_EQ(parse_method("owls").error().line(),
            "unknown method 'owls'; use uniform, flow, owl, error-diag, error, loss, shuffled");
  EXPECT_EQ(label(Method::kFlow), "FLOW");
  EXPECT_EQ(default_options(Method::kOwl).size(), 8u);
  EXPECT_EQ(default_tau(Method::kOwl), 5);
}

SelectionRequest owl_request(double sparsity) {
  SelectionRequest request;
  request.method = Method::kOwl;
  request.sparsity = sparsity;
  request.options = default_options(Method::kOwl);
  request.tau = 5;
  return request;
}

/// OWL's formula, every layer weighing the same.
std::vector<double> owl_densities(const std::vector<Layer>& layers, double sparsity, double lambda) {
  double low = 1, high = 0, mean = 0;
  for (const Layer& layer : layers) low = std::min(low, layer.share), high = std::max(high, layer.share);
  std::vector<double> densities;
  for (const Layer& layer : layers) densities.push_back(2 * lambda * (layer.share - low) / (high - low));
  for (const double value : densities) mean += value / static_cast<double>(layers.size());
  for (double& value : densities) value += 1 - sparsity - mean;
  return densities;
}

/// Kept per 8 rounded to integers; then, while more or less than the budget is kept, the step of one that costs least,
/// the earlier layer keeping more. Costs are squared distances.
std::vector<int> owl_by_steps(const std::vector<double>& densities, int budget) {
  std::vector<int> kept;
  int sum = 0;
  for (const double density : densities) {
    kept.push_back(std::clamp(static_cast<int>(std::lround(8 * density)), 1, 8));
    sum += kept.back();
  }
  while (sum != budget) {
    const int step = sum > budget ? -1 : 1;
    std::size_t best = 0;
    double least = 1e9;
    for (std::size_t l = 0; l < kept.size(); ++l) {
      const double now = kept[l] - 8 * densities[l], then = now + step;
      const double cost = kept[l] + step < 1 || kept[l] + step > 8 ? 1e8 : then * then - now * now;
      if (cost < least || (cost == least && step < 0)) least = cost, best = l;
    }
    kept[best] += step;
    sum += step;
  }
  return kept;
}

TEST(OwlSelection, IsTheRoundedDensitiesRepairedByTheLeastCostlySteps) {
  std::mt19937 random(7);
  std::uniform_real_distribution<> uniform;
  for (int trial = 0; trial < 200; ++trial) {
    std::vector<Layer> layers;
    for (int i = 0; i < 12; ++i) layers.push_back({0.3 * uniform(random), 1});
    const double sparsity = 0.3 + 0.45 * uniform(random);
    const Statistics statistics = statistics_of(layers);
    for (std::size_t l = 0; l < layers.size(); ++l) layers[l].share = statistics.matrices[l].outliers[0].share();
    const auto plan = select_by_statistics(statistics, owl_request(sparsity)).value();
    const int budget = static_cast<int>(std::floor(8 * 12 * (1 - sparsity) + 1e-9));
    const auto expected = owl_by_steps(owl_densities(layers, sparsity, 0.08), budget);
    for (std::size_t l = 0; l < layers.size(); ++l)
      EXPECT_DOUBLE_EQ(plan.matrices[l].pattern.density(), expected[l] / 8.0) << "layer " << l << " of trial " << trial;
  }
}

TEST(OwlSelection, GivesLayersWithMoreOutliersMoreWeightsAndMeetsTheMean) {
  const auto plan =
      select_by_statistics(statistics_of({{0, 1}, {0.1, 1}, {0.4, 1}, {0.4, 1}}), owl_request(0.5)).value();
  EXPECT_DOUBLE_EQ(plan.sparsity(), 0.5);
  EXPECT_EQ(patterns_of(plan), (std::vector<std::string>{"3:8", "4:8", "5:8", "4:8"})) << "3.3, 3.6, 4.6 and 4.6 of 8";
  EXPECT_EQ(plan.method, "owl");
}

TEST(OwlSelection, SaysWhereNoLayerIsFavoured) {
  const auto plan = select_by_statistics(statistics_of({{0.1, 1}, {0.1, 1}}), owl_request(0.5)).value();
  EXPECT_EQ(patterns_of(plan), (std::vector<std::string>{"4:8", "4:8"}));
  EXPECT_EQ(plan.notes.back(), "every layer has the same share of outliers: none is favoured");
}

// ---- least cost ----

/// Random costs that fall with density, so that a budget binds.
Statistics statistics_with_errors(std::mt19937& random, std::size_t n_layers) {
  Statistics statistics = statistics_of(std::vector<Layer>(n_layers, {0.01, 1}));
  std::uniform_real_distribution<> uniform;
  for (MatrixStatistics& matrix : statistics.matrices) {
    matrix.n_out = 8 * (1 + static_cast<std::int64_t>(random() % 4));
    const double scale = uniform(random), power = 0.5 + 3 * uniform(random);
    for (std::size_t p = 0; p < matrix.dropped.size(); ++p)
      matrix.dropped[p] = scale * std::pow(statistics.scope.patterns[p].sparsity(), power);
  }
  return statistics;
}

SelectionRequest error_request(double sparsity, const char* options = "dense,4:8,2:8,1:8") {
  SelectionRequest request = request_of(sparsity, options);
  request.method = Method::kErrorDiag;
  request.granularity = Granularity::kMatrix;
  return request;
}

/// The least cost among all plans of `request` for which `allowed` holds; infinity if there is none.
template <class Allowed>
double least_cost(const Statistics& statistics, const SelectionRequest& request, const Allowed& allowed) {
  const auto costs = statistics.dropped(request.options).value();
  Plan plan = dense_plan(statistics, statistics.outliers({}).value());
  double least = std::numeric_limits<double>::infinity();
  std::vector<std::size_t> chosen(plan.matrices.size(), 0);
  for (bool more = true; more;) {
    double cost = 0;
    for (std::size_t l = 0; l < chosen.size(); ++l) {
      plan.matrices[l].pattern = request.options[chosen[l]];
      cost += costs[l][chosen[l]];
    }
    if (cost < least && allowed(plan)) least = cost;
    more = false;
    for (std::size_t l = 0; l < chosen.size() && !more; ++l) {
      more = ++chosen[l] < request.options.size();
      if (!more) chosen[l] = 0;
    }
  }
  return least;
}

double cost_of(const Plan& plan) {
  double cost = 0;
  for (const PlannedMatrix& matrix : plan.matrices) cost += *matrix.error;
  return cost;
}

TEST(ErrorDiagSelection, FindsTheLeastErrorAtOrAboveTheSparsityAsBruteForceDoes) {
  std::mt19937 random(8);
  for (int trial = 0; trial < 30; ++trial) {
    const Statistics statistics = statistics_with_errors(random, 6);
    const SelectionRequest request = error_request(0.1 + 0.025 * trial);
    const auto plan = select_by_statistics(statistics, request).value();
    EXPECT_GE(plan.sparsity(), request.sparsity - 1e-12);
    const double best =
        least_cost(statistics, request, [&](const Plan& p) { return p.sparsity() >= request.sparsity - 1e-12; });
    EXPECT_NEAR(cost_of(plan), best, 1e-9);
    EXPECT_NEAR(plan.proof->cost, best, 1e-9);
    EXPECT_EQ(plan.proof->gap, 0);
  }
}

TEST(ErrorDiagSelection, ByBlockAddsUpTheErrorsOfItsMatrices) {
  Statistics statistics = statistics_of({{0.01, 1}, {0.01, 1}, {0.01, 1}, {0.01, 1}});
  for (std::size_t i = 0; i < 4; ++i) statistics.matrices[i].block = static_cast<std::int64_t>(i / 2);
  const auto half = std::ranges::find(statistics.scope.patterns, Pattern{4, 8}) - statistics.scope.patterns.begin();
  const double errors[] = {0.1, 0.6, 0.3, 0.3};
  for (std::size_t i = 0; i < 4; ++i) statistics.matrices[i].dropped[static_cast<std::size_t>(half)] = errors[i];
  SelectionRequest request = error_request(0.25, "dense,4:8");
  EXPECT_EQ(patterns_of(select_by_statistics(statistics, request).value()),
            (std::vector<std::string>{"4:8", "dense", "dense", "4:8"}))
      << "ties: the earlier layer has the larger N";
  request.granularity = Granularity::kBlock;
  EXPECT_EQ(patterns_of(select_by_statistics(statistics, request).value()),
            (std::vector<std::string>{"dense", "dense", "4:8", "4:8"}));
}

// ---- several budgets ----

TEST(Budgets, OfSparsityAndBytesAreMetAtTheLeastCostAsBruteForceFindsIt) {
  std::mt19937 random(9);
  int solved = 0;
  for (int trial = 0; trial < 40; ++trial) {
    const Statistics statistics = statistics_with_errors(random, 5);
    SelectionRequest request = error_request(0.2 + 0.015 * trial, "dense,2:4,4:8,2:8");
    const std::int64_t dense_bytes = dense_plan(statistics, statistics.outliers({}).value()).stored_bytes();
    const std::int64_t most = dense_bytes * (60 + static_cast<std::int64_t>(random() % 40)) / 100;
    request.ceilings = {stored_bytes_ceiling(most)};
    const double best = least_cost(statistics, request, [&](const Plan& p) {
      return p.sparsity() >= request.sparsity - 1e-12 && p.stored_bytes() <= most;
    });
    const auto plan = select_by_statistics(statistics, request);
    ASSERT_EQ(plan.has_value(), std::isfinite(best)) << (plan ? "" : plan.error().line());
    if (!plan) continue;
    ++solved;
    EXPECT_GE(plan->sparsity(), request.sparsity - 1e-12);
    EXPECT_LE(plan->stored_bytes(), most);
    EXPECT_LE(cost_of(*plan), best * (1 + 2e-4));
    EXPECT_GE(cost_of(*plan), best * (1 - 1e-9));
    EXPECT_LE(plan->proof->gap, 1e-4);
    EXPECT_TRUE(plan->proof->solver.starts_with("CBC ")) << plan->proof->solver;
  }
  EXPECT_GT(solved, 20);
}

/// A ceiling that binds nothing makes CBC solve what the dynamic program solves.
TEST(Budgets, OfOneAreSolvedAlikeByCbcAndTheDynamicProgram) {
  std::mt19937 random(10);
  for (int trial = 0; trial < 10; ++trial) {
    const Statistics statistics = statistics_with_errors(random, 40);
    SelectionRequest request = error_request(0.3 + 0.05 * trial, "n:8");
    const auto exact = select_by_statistics(statistics, request).value();
    request.ceilings = {stored_bytes_ceiling(1'000'000'000)};
    const auto by_cbc = select_by_statistics(statistics, request).value();
    EXPECT_EQ(exact.proof->solver, "exact dynamic program");
    EXPECT_NE(by_cbc.proof->solver, exact.proof->solver);
    EXPECT_NEAR(by_cbc.proof->cost / exact.proof->cost, 1, 1e-4);
    EXPECT_GE(by_cbc.proof->cost, exact.proof->cost * (1 - 1e-9));
  }
}

TEST(Budgets, OfBytesAloneAreMetByTheDynamicProgram) {
  std::mt19937 random(11);
  for (int trial = 0; trial < 20; ++trial) {
    const Statistics statistics = statistics_with_errors(random, 5);
    SelectionRequest request = error_request(0);
    const std::int64_t dense_bytes = dense_plan(statistics, statistics.outliers({}).value()).stored_bytes();
    const std::int64_t most = dense_bytes * (35 + 3 * trial) / 100;
    request.ceilings = {stored_bytes_ceiling(most)};
    const auto plan = select_by_statistics(statistics, request).value();
    EXPECT_EQ(plan.proof->solver, "exact dynamic program");
    EXPECT_LE(plan.stored_bytes(), most);
    const double best = least_cost(statistics, request, [&](const Plan& p) { return p.stored_bytes() <= most; });
    EXPECT_NEAR(cost_of(plan), best, 1e-9);
  }
}

TEST(Budgets, ThatCannotBeMetNameTheOneThatBindsAndTheNearestValues) {
  Statistics statistics = statistics_of(std::vector<Layer>(4, {0.01, 1}));
  statistics.other_weights = 1000;
  SelectionRequest request = error_request(0.5, "dense,4:8,2:8");
  request.ceilings = {stored_bytes_ceiling(6000)};  // 16384 weights, 2:8: 4096 * 11 bits, and 1000 bytes
  EXPECT_EQ(select_by_statistics(statistics, request).error().line(),
            "at most 6000 stored bytes cannot be met with {dense, 4:8, 2:8}: at least 6632; ask for --max-bytes 6632");
  request.ceilings = {stored_bytes_ceiling(6632)};
  EXPECT_TRUE(select_by_statistics(statistics, request)) << "what is named can be asked for";
  request.sparsity = 0.9;
  EXPECT_TRUE(select_by_statistics(statistics, request).error().what.starts_with("sparsity 0.90 cannot be met"));
}

/// The sparser of two options takes more bytes, for its places: 14 bits of 30/64 of the weights, and 10 of one half.
TEST(Budgets, ThatCannotBeMetTogetherSayHowFarEachGetsBesideTheOther) {
  const Statistics statistics = [] {
    Statistics made = statistics_of(std::vector<Layer>(4, {0.01, 1}));
    made.scope.add(Pattern{30, 64});
    for (MatrixStatistics& matrix : made.matrices) matrix.dropped.resize(made.scope.patterns.size());
    return made;
  }();
  SelectionRequest request = error_request(0.52, "2:4,30:64");
  request.ceilings = {stored_bytes_ceiling(11000)};
  const std::string line = select_by_statistics(statistics, request).error().line();
  EXPECT_EQ(line,
            "sparsity 0.52 and at most 11000 stored bytes cannot be met together with {2:4, 30:64}: with the rest as "
            "asked, sparsity at most 0.50, or at least 12640 stored bytes; ask for --sparsity 0.5 or --max-bytes 12640")
      << "2560 bytes at 2:4, 3360 at 30:64, of which three are needed and none fits";
  request.sparsity = 0.5;
  EXPECT_TRUE(select_by_statistics(statistics, request));
  request.sparsity = 0.52;
  request.ceilings = {stored_bytes_ceiling(12640)};
  EXPECT_TRUE(select_by_statistics(statistics, request));
}

TEST(Budgets, OfAUniformPlanAreChecked) {
  SelectionRequest request = request_of(0.5);
  request.ceilings = {stored_bytes_ceiling(5632)};
  EXPECT_TRUE(select_uniform(model_of(2), request)) << "8192 weights, half of them at 11 bits";
  request.ceilings = {stored_bytes_ceiling(5631)};
  EXPECT_EQ(select_uniform(model_of(2), request).error().what, "the plan takes 5632 stored bytes, more than 5631");
}

// ---- fixed choices ----

TEST(FixedChoices, CountInTheBudgetAndAreLeftAsTheyAre) {
  const Statistics statistics = statistics_of({{0.01, 0.5}, {0.02, 0.6}, {0.03, 0.7}, {0.04, 0.8}});
  SelectionRequest request = request_of(0.5, "dense,4:8,2:8");
  request.keep = {parse_fixed_choice("dense:block0").value()};
  const auto plan = select_by_statistics(statistics, request).value();
  EXPECT_TRUE(plan.matrices[0].pattern.dense());
  EXPECT_DOUBLE_EQ(plan.sparsity(), 0.5) << "the others make up for the dense block";
  request.keep = {parse_fixed_choice("dense:block[012]").value()};
  EXPECT_EQ(select_by_statistics(statistics, request).error().what,
            "sparsity 0.50 cannot be met with {dense, 4:8, 2:8}: at most 0.1875");
  request.keep = {parse_fixed_choice("dense:*").value()};
  request.sparsity = 0;
  EXPECT_EQ(select_by_statistics(statistics, request)->sparsity(), 0) << "nothing is left to choose";
}

TEST(FixedChoices, OfAUniformPlanAreNotPrunedAndTheReaderIsTold) {
  SelectionRequest request = request_of(0.5);
  request.keep = {parse_fixed_choice("dense:block1").value()};
  const auto plan = select_uniform(model_of(2), request).value();
  EXPECT_EQ(patterns_of(plan), (std::vector<std::string>{"4:8", "dense"}));
  EXPECT_EQ(plan.notes.at(0), "sparsity 0.250000 for 0.500000 asked: some matrices are kept as --keep says");
}

// ---- shuffled ----

Plan plan_of_shapes() {
  Plan plan = model_of(12);
  plan.method = "flow";
  for (std::size_t i = 0; i < 12; ++i) {
    plan.matrices[i].n_out = i < 6 ? 64 : 32;
    plan.matrices[i].block = static_cast<std::int64_t>(i / 3);
    plan.matrices[i].pattern = i % 3 == 0 ? Pattern{2, 4} : i % 3 == 1 ? Pattern{2, 8} : Pattern{};
  }
  return plan;
}

TEST(ShuffledSelection, KeepsWhatEveryShapeHasAndMovesIt) {
  const Plan plan = plan_of_shapes(), shuffled = select_shuffled(plan, 1);
  EXPECT_EQ(shuffled.kept(), plan.kept());
  EXPECT_EQ(shuffled.stored_bytes(), plan.stored_bytes());
  for (const std::size_t half : {0u, 6u}) {
    std::multiset<Pattern> before, after;
    for (std::size_t i = half; i < half + 6; ++i)
      before.insert(plan.matrices[i].pattern), after.insert(shuffled.matrices[i].pattern);
    EXPECT_EQ(before, after);
  }
  EXPECT_NE(patterns_of(shuffled), patterns_of(plan));
  EXPECT_EQ(shuffled.method, "shuffled");
  EXPECT_TRUE(
      shuffled.notes[0].starts_with("the patterns of a plan by flow, shuffled among matrices of equal shapes, "
                                    "seed 1: "))
      << shuffled.notes[0];
}

TEST(ShuffledSelection, IsTheSameForTheSameSeedAndAnotherForMostOthers) {
  const Plan plan = plan_of_shapes();
  EXPECT_EQ(patterns_of(select_shuffled(plan, 3)), patterns_of(select_shuffled(plan, 3)));
  std::set<std::vector<std::string>> different;
  for (std::uint64_t seed = 0; seed < 20; ++seed) different.insert(patterns_of(select_shuffled(plan, seed)));
  EXPECT_GT(different.size(), 15u);
}

TEST(ShuffledSelection, OfAPlanByBlockMovesWholeBlocks) {
  Plan plan = plan_of_shapes();
  for (PlannedMatrix& matrix : plan.matrices) matrix.pattern = matrix.block % 2 == 0 ? Pattern{2, 4} : Pattern{1, 8};
  std::set<std::vector<std::string>> different;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const Plan shuffled = select_shuffled(plan, seed);
    for (std::size_t i = 0; i < 12; ++i)
      EXPECT_EQ(shuffled.matrices[i].pattern, shuffled.matrices[i / 3 * 3].pattern) << "a block has one pattern";
    different.insert(patterns_of(shuffled));
  }
  EXPECT_EQ(different.size(), 4u) << "two pairs of blocks of equal shapes, each in either order";
}

/// Known from published code: the first and the last block left dense after the budget was spent make "50 %" 46.9 %.
TEST(Selection, LeavesNoBlockOutOfTheSparsityThatItReports) {
  std::vector<Layer> layers;
  for (int i = 0; i < 32; ++i) layers.push_back({0.01 + 0.001 * i, 0.9 + 0.003 * i});
  for (const Method method : {Method::kFlow, Method::kOwl, Method::kErrorDiag}) {
    SelectionRequest request = request_of(0.5);
    request.method = method;
    const auto plan = select_by_statistics(statistics_of(layers), request).value();
    double zeros = 0;
    for (const PlannedMatrix& matrix : plan.matrices) zeros += matrix.pattern.sparsity() / 32;
    EXPECT_GE(zeros, 0.5) << name(method);
    EXPECT_DOUBLE_EQ(plan.sparsity(), zeros) << name(method);
  }
}

}  // namespace
}  // namespace sparsecim
