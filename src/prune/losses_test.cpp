#include "prune/losses.hpp"

#include <gtest/gtest.h>

#include "checkpoint/random_checkpoint.hpp"
#include "prune/compare_plans.hpp"
#include "prune/measure.hpp"
#include "sparsity/mask.hpp"

namespace sparsecim {
namespace {

constexpr std::int64_t kTokens = 4 * 16;

Calibration calibration() {
  at::manual_seed(3);
  Calibration made;
  for (int i = 0; i < 3; ++i) made.batches.push_back(at::randint(0, 50, {4, 16}, at::kLong));
  made.tokens = 3 * kTokens;
  return made;
}

/// A tiny model, all of whose matrices are there to be changed.
class Losses : public testing::Test {
 protected:
  Statistics measured(Pattern reference) {
    StatisticsScope scope = StatisticsScope::standard();
    for (const Pattern& pattern : {Pattern{4, 8}, Pattern{2, 8}, Pattern{}}) scope.add_error(pattern);
    scope.losses = LossScope{reference, kTokens};
    return measure_statistics(model_, checkpoint_, calibration_, scope).value();
  }
  static at::Tensor masked(const at::Tensor& weight, const std::vector<float>& norms, Pattern pattern) {
    at::Tensor values = weight.clone();
    EXPECT_TRUE(apply_nm_plainly({values.data_ptr<float>(), static_cast<std::size_t>(values.numel())}, weight.size(1),
                                 norms, pattern));
    return values;
  }
  /// Mean divergence from the dense model over the first batch where matrix `m` has `pattern` and the rest `others`:
  /// all blocks anew, all logits at once.
  double divergence(const Statistics& statistics, std::size_t m, Pattern pattern, Pattern others) {
    const at::Tensor ids = calibration_.batches[0];
    at::Tensor hidden = model_.embed(ids);
    for (std::int64_t b = 0; b < model_.n_blocks(); ++b) {
      DecoderBlock block = model_.block(b).value();
      for (std::size_t i = 0; i < 7; ++i) {
        const std::size_t index = static_cast<std::size_t>(b) * 7 + i;
        const auto norms = statistics.inputs[static_cast<std::size_t>(statistics.matrices[index].input)].column_norms();
        block.linears[i] = masked(block.linears[i], norms, index == m ? pattern : others);
      }
      hidden = model_.forward_block(block, hidden);
    }
    const at::Tensor log_p = at::log_softmax(model_.logits(model_.forward(ids).value()), -1);
    const at::Tensor log_q = at::log_softmax(model_.logits(hidden), -1);
    return (log_p.exp() * (log_p - log_q)).sum(-1).mean().item<double>();
  }

  const c10::InferenceMode no_gradients_;
  RandomCheckpoint checkpoint_{RandomCheckpoint::tiny()};
  const Llama model_ = Llama::open(checkpoint_, {}).value();
  const Calibration calibration_ = calibration();
};

TEST_F(Losses, RiseAsTheWholeModelsDivergenceDoesWhereOneMatrixChanges) {
  for (const Pattern& reference : {Pattern{}, Pattern{4, 8}, Pattern{3, 8}}) {
    const Statistics statistics = measured(reference);
    for (const std::size_t m : {0, 3, 6, 7, 11, 13}) {
      const double base = divergence(statistics, m, {}, reference);
      const auto& rises = statistics.matrices[m].rises;
      ASSERT_EQ(rises.size(), 2u);
      for (std::size_t a = 0; a < 2; ++a) {
        const double expected = divergence(statistics, m, LossScope::kAnchors[a], reference) - base;
        // The expectation is taken under probabilities in bfloat16, to one part in 2^9 each.
        EXPECT_NEAR(rises[a].nats, expected, 0.01 * std::abs(expected) + 1e-5) << m << " " << reference.name();
        EXPECT_GT(rises[a].standard_error, 0);
      }
    }
  }
}

TEST_F(Losses, AreMeasuredOnTheFirstTokensOnly) {
  const Statistics all = measured({4, 8});
  Calibration first = calibration_;
  first.batches.resize(1);
  Statistics again = all;
  for (MatrixStatistics& matrix : again.matrices) matrix.rises.clear();
  ASSERT_TRUE(measure_losses(model_, first, again));
  for (std::size_t i = 0; i < all.matrices.size(); ++i)
    EXPECT_EQ(again.matrices[i].rises[1].nats, all.matrices[i].rises[1].nats);
}

/// x d^T summed over the tokens themselves, where the code goes through the second moments.
TEST_F(Losses, ComparePlansByTheirWholeModelsDivergence) {
  const Statistics statistics = measured({4, 8});
  Plan uniform = dense_plan_of(model_.config()), one = uniform, none = uniform;
  for (PlannedMatrix& matrix : uniform.matrices) matrix.pattern = {2, 8};
  one.matrices[8].pattern = {2, 8};
  const std::vector<at::Tensor> batches = {calibration_.batches[0]};
  const auto found = divergences(model_, batches, statistics, std::array{uniform, one, none}).value();
  ASSERT_EQ(found.size(), 3u);
  EXPECT_NEAR(found[0], divergence(statistics, 0, {2, 8}, {2, 8}), 1e-6);
  EXPECT_NEAR(found[1], divergence(statistics, 8, {2, 8}, {}), 1e-6);
  EXPECT_EQ(found[2], 0);
}

TEST_F(Losses, LeaveOtherSamplesToComparePlansOn) {
  const auto shapes = [&](std::int64_t tokens, std::int64_t ratio) {
    std::pair<std::int64_t, std::int64_t> counts;
    const LossTokens split = split_tokens(calibration_, tokens, ratio);
    for (const at::Tensor& batch : split.measured) counts.first += batch.numel();
    for (const at::Tensor& batch : split.compared) counts.second += batch.numel();
    return counts;
  };
  EXPECT_EQ(shapes(32, 4), std::pair(std::int64_t{32}, std::int64_t{128}));
  EXPECT_EQ(shapes(20, 2), std::pair(std::int64_t{20}, std::int64_t{40})) << "samples are cut";
  EXPECT_EQ(shapes(100, 4), std::pair(std::int64_t{100}, kTokens * 3 - 112)) << "the sample that was cut is used up";
  EXPECT_EQ(shapes(500, 4), std::pair(kTokens * 3, std::int64_t{0}));
  const LossTokens split = split_tokens(calibration_, 64, 1);
  EXPECT_TRUE(split.measured[0].equal(calibration_.batches[0]));
  EXPECT_TRUE(split.compared[0].equal(calibration_.batches[1]));
}

TEST_F(Losses, ChooseTheBestOfThePlansOfSeveralCautions) {
  const Statistics statistics = measured({4, 8});
  SelectionRequest request{.method = Method::kLoss, .sparsity = 0.5, .granularity = Granularity::kMatrix};
  request.options = {{}, {4, 8}, {2, 8}};
  const Plan plan = select_measured(model_, calibration_, statistics, request).value();
  const std::vector<at::Tensor> others = split_tokens(calibration_, kTokens, 4).compared;
  for (const double caution : {1.0, 2.0, 4.0, 8.0, 1000.0}) {
    request.caution = caution;
    const Plan candidate = select_measured(model_, calibration_, statistics, request).value();
    const auto both = divergences(model_, others, statistics, std::array{plan, candidate}).value();
    EXPECT_LE(both[0], both[1]) << caution;
  }
}

TEST_F(Losses, GoWithOutputErrorsThatAreThoseOfTheOutputsThemselves) {
  const Statistics statistics = measured({});
  at::Tensor hidden = model_.embed(at::cat(calibration_.batches, 0));
  for (std::int64_t b = 0; b < model_.n_blocks(); ++b) {
    const DecoderBlock block = model_.block(b).value();
    std::array<at::Tensor, kLinearInputs> inputs;
    hidden = model_.forward_block(block, hidden, nullptr, [&](LinearInput input, const at::Tensor& x) {
      inputs[static_cast<std::size_t>(input)] = x.to(at::kDouble);
    });
    for (std::size_t i = 0; i < 7; ++i) {
      const MatrixStatistics& matrix = statistics.matrices[static_cast<std::size_t>(b) * 7 + i];
      const auto norms = statistics.inputs[static_cast<std::size_t>(matrix.input)].column_norms();
      const at::Tensor& x = inputs[static_cast<std::size_t>(kInputOfLinear[i])];
      const at::Tensor weight = block.linears[i].to(at::kDouble);
      const at::Tensor pruned = masked(block.linears[i], norms, {4, 8}).to(at::kDouble);
      const double expected =
          (at::mm(x, (weight - pruned).t()).square().sum() / at::mm(x, weight.t()).square().sum()).item<double>();
      EXPECT_NEAR(matrix.errors[0], expected, 1e-4 * expected) << matrix.name;
      EXPECT_GT(matrix.errors[1], matrix.errors[0]);
      EXPECT_EQ(matrix.errors[2], 0) << "dense";
    }
  }
}

}  // namespace
}  // namespace sparsecim
