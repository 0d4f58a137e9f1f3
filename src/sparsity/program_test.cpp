#include "sparsity/program.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "sparsity/selection_fixture.hpp"

namespace sparsecim {
namespace {

/// Random costs that fall with density, so that a budget binds.
Statistics statistics_with_errors(std::mt19937& random, std::size_t n_layers) {
  Statistics statistics = statistics_of(std::vector<LayerOutliers>(n_layers, {0.01, 1}));
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
  Statistics statistics = statistics_of(std::vector<LayerOutliers>(4, {0.01, 1}));
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
    Statistics made = statistics_of(std::vector<LayerOutliers>(4, {0.01, 1}));
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

TEST(FixedChoices, CountInTheBudgetAndAreLeftAsTheyAre) {
  const Statistics statistics = statistics_of({{0.01, 0.5}, {0.02, 0.6}, {0.03, 0.7}, {0.04, 0.8}});
  SelectionRequest request = request_of(0.5, "dense,4:8,2:8");
  request.keep = {parse_fixed_choice("dense:block0").value()};
  const auto plan = select_by_statistics(statistics, request).value();
  EXPECT_TRUE(plan.matrices[0].pattern.dense());
  EXPECT_DOUBLE_EQ(plan.sparsity(), 0.5) << "the others make up for the dense block";
  request.keep = {parse_fixed_choice("dense:block[012]").value()};
  EXPECT_EQ(select_by_statistics(statistics, request).error().what,
            "sparsity 0.50 cannot be met with {dense, 4:8, 2:8} where --keep leaves a choice: at most 0.1875");
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

/// Times and energies have no common measure: 4e10 different sums, which no table of the dynamic program holds.
TEST(Budgets, OfOneCeilingInFineUnitsAreMetAtTheLeastCostAsBruteForceFindsIt) {
  std::mt19937 random(12);
  for (int trial = 0; trial < 5; ++trial) {
    const Statistics statistics = statistics_with_errors(random, 5);
    const auto ps_of = [](const PlannedMatrix& matrix) {
      return matrix.kept() * 20'000'003 + (matrix.block + 1) * matrix.pattern.n * 7919;
    };
    const auto all_ps = [&](const Plan& plan) {
      std::int64_t sum = 0;
      for (const PlannedMatrix& matrix : plan.matrices) sum += ps_of(matrix);
      return sum;
    };
    const Plan dense = dense_plan(statistics, statistics.outliers({}).value());
    const std::int64_t most_ns = all_ps(dense) / 1000 * (40 + 10 * trial) / 100;
    SelectionRequest request = error_request(0);
    request.ceilings = {{.what = "ns", .option = "--max-decode-ns", .most = most_ns, .units = 1000, .of = ps_of}};
    const auto plan = select_by_statistics(statistics, request);
    ASSERT_TRUE(plan) << plan.error().line();
    EXPECT_LE(all_ps(*plan), most_ns * 1000);
    const double best = least_cost(statistics, request, [&](const Plan& p) { return all_ps(p) <= most_ns * 1000; });
    EXPECT_LE(cost_of(*plan), best * (1 + 2e-4));
    EXPECT_GE(cost_of(*plan), best * (1 - 1e-9));
  }
}

TEST(Selection, RefusesCostsThatCannotBeAddedUp) {
  const Plan model = model_of(2);
  const SelectionRequest request = error_request(0.5, "dense,4:8");
  const double most = std::numeric_limits<double>::max();
  for (const double cost : {most, std::numeric_limits<double>::infinity(), std::nan("")}) {
    const auto plan = select_least_cost(model, {{0, cost}, {0, cost}}, request);
    ASSERT_FALSE(plan) << cost;
    EXPECT_TRUE(plan.error().what.starts_with("what the patterns cost is not finite")) << plan.error().line();
  }
}

TEST(Selection, RefusesMorePatternsThanItCanNumber) {
  SelectionRequest request = error_request(0.5, "n:64,n:63,n:62,n:61,n:59");
  const std::vector<std::vector<double>> costs(2, std::vector<double>(request.options.size(), 1));
  EXPECT_EQ(select_least_cost(model_of(2), costs, request).error().line(),
            "there are 305 patterns to choose from, more than 255; name fewer");
}

}  // namespace
}  // namespace sparsecim
