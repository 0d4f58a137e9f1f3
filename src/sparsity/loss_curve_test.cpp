#include "sparsity/loss_curve.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "sparsity/select.hpp"

namespace sparsecim {
namespace {

const std::vector<Pattern> kOptions = {{}, {4, 8}, {3, 8}, {2, 8}, {1, 8}};
const std::vector<double> kErrors = {0, 0.1, 0.2, 0.4, 0.7};  // of each option

/// Matrices of 8 x 64 with the same output errors, each with its own rises at 4:8 and 2:8.
Statistics statistics_with(const std::vector<std::string>& names, const std::vector<std::vector<LossRise>>& rises) {
  Statistics statistics;
  statistics.scope = StatisticsScope::standard();
  statistics.scope.error_patterns = kOptions;
  statistics.scope.losses = LossScope{};
  statistics.inputs = {{.name = "x", .mean_squares = std::vector<float>(64, 1)}};
  for (std::size_t i = 0; i < names.size(); ++i)
    statistics.matrices.push_back(
        {.name = names[i],
         .block = static_cast<std::int64_t>(i),
         .n_out = 8,
         .n_in = 64,
         .outliers = {statistics.scope.thresholds.size(), Outliers{.weights = 512, .distribution = 1}},
         .dropped = std::vector<double>(statistics.scope.patterns.size()),
         .errors = kErrors,
         .rises = rises[i]});
  return statistics;
}

TEST(LossCosts, GoThroughBothMeasurementsAlongAPowerOfTheError) {
  const auto costs = loss_costs(statistics_with({"a"}, {{{0.02, 0.001}, {0.08 * std::sqrt(2), 0.001}}}), kOptions);
  const double exponent = std::log2(4 * std::sqrt(2)) / 2;  // over two doublings of the error
  ASSERT_TRUE(costs) << costs.error().line();
  EXPECT_EQ(costs->guessed, 0u);
  EXPECT_EQ(costs->nats[0][0], 0) << "dense";
  EXPECT_NEAR(costs->nats[0][1], 0.02, 1e-12);
  EXPECT_NEAR(costs->nats[0][2], 0.02 * std::pow(2, exponent), 1e-12);
  EXPECT_NEAR(costs->nats[0][3], 0.08 * std::sqrt(2), 1e-12);
  EXPECT_NEAR(costs->nats[0][4], 0.02 * std::pow(7, exponent), 1e-12);
}

TEST(LossCosts, DoNotDependOnTheErrorsUnitHoweverSmall) {
  const std::vector<std::vector<LossRise>> rises = {{{0.02, 0.001}, {0.16, 0.001}}};
  Statistics tiny = statistics_with({"a"}, rises);
  for (double& error : tiny.matrices[0].errors) error *= 1e-200;
  const auto expected = loss_costs(statistics_with({"a"}, rises), kOptions).value();
  const auto found = loss_costs(tiny, kOptions).value();
  for (std::size_t o = 0; o < kOptions.size(); ++o) EXPECT_NEAR(found.nats[0][o], expected.nats[0][o], 1e-12) << o;
}

TEST(LossCosts, OfAnUnlikelyExponentGoThroughTheMiddleWithTheLimit) {
  const auto steep = loss_costs(statistics_with({"a"}, {{{0.001, 0}, {1, 0}}}), kOptions).value();
  EXPECT_NEAR(steep.nats[0][3] / steep.nats[0][1], std::pow(4, 3), 1e-9);
  EXPECT_NEAR(steep.nats[0][2], std::sqrt(0.001 * 1), 1e-12) << "0.2 is the mean of 0.1 and 0.4";
  const auto flat = loss_costs(statistics_with({"a"}, {{{0.5, 0}, {0.4, 0}}}), kOptions).value();
  EXPECT_NEAR(flat.nats[0][3] / flat.nats[0][1], std::pow(4, 0.5), 1e-9) << "sparser never costs less";
}

TEST(LossCosts, BelowTheirStandardErrorAreTakenFromTheMedianOfTheKind) {
  const std::vector<LossRise> lost = {{0.001, 0.01}, {-0.5, 0.01}};
  const auto costs =
      loss_costs(statistics_with(
                     {"model.layers.0.mlp.up_proj", "model.layers.1.mlp.up_proj", "model.layers.2.mlp.up_proj",
                      "model.layers.2.self_attn.q_proj", "model.layers.3.mlp.up_proj"},
                     {{{0.01, 0}, {0.08, 0}}, {{0.02, 0}, {0.16, 0}}, {{0.04, 0}, {0.64, 0}}, {{5, 0}, {9, 0}}, lost}),
                 kOptions)
          .value();
  EXPECT_EQ(costs.guessed, 1u);
  EXPECT_NEAR(costs.nats[4][1], 0.02, 1e-12);
  EXPECT_NEAR(costs.nats[4][3], 0.16, 1e-12);
  const auto nothing = loss_costs(statistics_with({"a"}, {lost}), kOptions).value();
  EXPECT_NEAR(nothing.nats[0][3], kErrors[3], 1e-12) << "nothing is known: the error alone";
}

TEST(LossCosts, WithoutMeasurementsAreRefused) {
  Statistics statistics = statistics_with({"a"}, {{{0.01, 0}, {0.08, 0}}});
  const std::vector<Pattern> unknown = {{1, 2}};
  EXPECT_EQ(loss_costs(statistics, unknown).error().what, "the statistics do not say the output errors of 1:2");
  statistics.scope.losses.reset();
  EXPECT_EQ(loss_costs(statistics, kOptions).error().line(),
            "the statistics have no losses; name another --statistics file, so that they are measured");
}

TEST(LossSelection, PrunesTheMatrixHarderThatTheLossMindsLess) {
  const Statistics statistics =
      statistics_with({"a", "b"}, {{{0.05, 0.001}, {0.5, 0.001}}, {{0.01, 0.001}, {0.1, 0.001}}});
  SelectionRequest request{
      .method = Method::kLoss, .sparsity = 0.625, .options = kOptions, .granularity = Granularity::kMatrix};
  const auto plan = select_by_statistics(statistics, request);
  ASSERT_TRUE(plan) << plan.error().line();
  EXPECT_EQ(plan->matrices[0].pattern, (Pattern{4, 8}));
  EXPECT_EQ(plan->matrices[1].pattern, (Pattern{2, 8}));
  EXPECT_NEAR(plan->proof->cost, 0.15, 1e-12);
  EXPECT_EQ(plan->notes.back(),
            "losses were measured with all other matrices at 4:8; a rise above that counts 1 times as much as a fall "
            "below it");
  request.method = Method::kError;
  const auto by_error = select_by_statistics(statistics, request).value();
  EXPECT_NEAR(by_error.proof->cost, 0.4, 1e-12) << "both at 3:8: the errors are convex";
}

TEST(LossSelection, LeavesTheReferenceOnlyForAFallThatCautionFindsLargeEnough) {
  // Dense a saves 0.3, and 2:8 for b then costs 0.09 more than 4:8.
  const Statistics statistics =
      statistics_with({"a", "b"}, {{{0.3, 0.001}, {0.9, 0.001}}, {{0.01, 0.001}, {0.1, 0.001}}});
  const std::vector<Pattern> options = {{}, {4, 8}, {2, 8}};
  SelectionRequest request{
      .method = Method::kLoss, .sparsity = 0.375, .options = options, .granularity = Granularity::kMatrix};
  const auto patterns = [&](double caution) {
    request.caution = caution;
    const Plan plan = select_by_statistics(statistics, request).value();
    const Pattern sparser{2, 8};
    EXPECT_NEAR(plan.matrices[1].error.value(), plan.matrices[1].pattern == sparser ? 0.1 : 0.01, 1e-12);
    return std::pair(plan.matrices[0].pattern, plan.matrices[1].pattern);
  };
  EXPECT_EQ(patterns(1), std::pair(Pattern{}, Pattern{2, 8}));
  EXPECT_EQ(patterns(3), std::pair(Pattern{}, Pattern{2, 8})) << "0.27 is less than 0.3";
  EXPECT_EQ(patterns(4), std::pair(Pattern{4, 8}, Pattern{4, 8})) << "0.36 is more";
}

}  // namespace
}  // namespace sparsecim
