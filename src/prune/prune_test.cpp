#include "prune/prune.hpp"

#include <gtest/gtest.h>

#include "checkpoint/random_checkpoint.hpp"
#include "sparsity/mask.hpp"

namespace sparsecim {
namespace {

Plan plan_of(const ModelConfig& config, Pattern pattern) {
  Plan plan;
  for (std::int64_t block = 0; block < config.n_layers; ++block)
    for (const auto& linear : block_linears(config))
      plan.matrices.push_back({matrix_name(block, linear.name), block, linear.n_out, linear.n_in, pattern, {}, {}});
  return plan;
}

Calibration calibration_of(std::uint64_t seed) {
  at::manual_seed(seed);
  Calibration calibration;
  for (int i = 0; i < 3; ++i) calibration.batches.push_back(at::randint(0, 50, {4, 16}, at::kLong));
  calibration.tokens = 3 * 4 * 16;
  return calibration;
}

/// The weight after `norms` of all tokens have been applied at once: the oracle's own mask, by sorting.
at::Tensor masked(const at::Tensor& weight, const at::Tensor& inputs, Pattern pattern) {
  at::Tensor values = weight.clone();
  const at::Tensor norms = inputs.to(at::kDouble).square().sum(0).sqrt().to(at::kFloat).contiguous();
  EXPECT_TRUE(apply_nm_plainly({values.data_ptr<float>(), static_cast<std::size_t>(values.numel())}, weight.size(1),
                               {norms.data_ptr<float>(), static_cast<std::size_t>(norms.numel())}, pattern));
  return values;
}

class Pruning : public testing::Test {
 protected:
  const c10::InferenceMode no_gradients_;
  const RandomCheckpoint checkpoint_{RandomCheckpoint::tiny()};
  const Llama dense_ = Llama::load(checkpoint_, {}).value();
  Llama model_ = Llama::load(checkpoint_, {}).value();
};

TEST_F(Pruning, ByWandaMasksEachBlockWithWhatItSeesBehindThePrunedOnesBeforeIt) {
  const Pattern pattern{2, 4};
  const Calibration calibration = calibration_of(1);
  ASSERT_TRUE(prune(model_, plan_of(model_.config(), pattern), Importance::kWanda, &calibration));
  const at::Tensor ids = at::cat(calibration.batches, 0);
  at::Tensor hidden = dense_.embed(ids);
  for (std::size_t block = 0; block < 2; ++block) {
    std::array<at::Tensor, kLinearInputs> inputs;
    dense_.forward_block(dense_.blocks()[block], hidden, nullptr,
                         [&](LinearInput input, const at::Tensor& x) { inputs[static_cast<std::size_t>(input)] = x; });
    for (std::size_t i = 0; i < 7; ++i) {
      const auto& input = inputs[static_cast<std::size_t>(kInputOfLinear[i])];
      EXPECT_TRUE(
          at::equal(model_.blocks()[block].linears[i], masked(dense_.blocks()[block].linears[i], input, pattern)))
          << "block " << block << ", matrix " << i;
    }
    hidden = dense_.forward_block(model_.blocks()[block], hidden);  // sequential: through the pruned block
  }
}

TEST_F(Pruning, ByMagnitudeNeedsNoCalibrationAndByWandaIsRefusedWithout) {
  ASSERT_TRUE(prune(model_, plan_of(model_.config(), {1, 4}), Importance::kMagnitude, nullptr));
  for (const at::Tensor& weight : model_.blocks()[1].linears)
    EXPECT_EQ(weight.count_nonzero().item<std::int64_t>(), weight.numel() / 4);
  EXPECT_FALSE(prune(model_, plan_of(model_.config(), {1, 4}), Importance::kWanda, nullptr));
}

TEST_F(Pruning, ByADensePlanChangesNothing) {
  const Calibration calibration = calibration_of(1);
  ASSERT_TRUE(prune(model_, plan_of(model_.config(), {}), Importance::kWanda, &calibration));
  for (std::size_t i = 0; i < 7; ++i)
    EXPECT_TRUE(at::equal(model_.blocks()[0].linears[i], dense_.blocks()[0].linears[i]));
}

TEST_F(Pruning, ByAPlanOfAnotherModelIsRefused) {
  Plan short_plan = plan_of(model_.config(), {2, 4});
  short_plan.matrices.pop_back();
  Plan misshapen = plan_of(model_.config(), {2, 4});
  misshapen.matrices[3].n_out += 8;
  for (const Plan& plan : {short_plan, misshapen}) {
    const auto refused = prune(model_, plan, Importance::kMagnitude, nullptr);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().what.find("another model"), std::string::npos);
  }
}

TEST_F(Pruning, OfWeightsThatMakeInfiniteActivationsIsRefused) {
  model_.blocks()[0].linears[4].fill_(3e38f);
  const Calibration calibration = calibration_of(1);
  EXPECT_FALSE(prune(model_, plan_of(model_.config(), {2, 4}), Importance::kWanda, &calibration));
}

TEST_F(Pruning, IsWrittenAsZerosInTheSourcesOwnValues) {
  ASSERT_TRUE(prune(model_, plan_of(model_.config(), {2, 4}), Importance::kMagnitude, nullptr));
  const TensorEdit edit = zeros_of(model_);
  for (const TensorInfo& info : checkpoint_.tensors()) {
    std::vector<float> values = checkpoint_.values(info.name);
    ASSERT_TRUE(edit(info, values));
    const auto zeros = std::ranges::count(values, 0.0f);
    const bool linear = info.name.find("proj") != std::string::npos;
    EXPECT_EQ(zeros, linear ? std::ssize(values) / 2 : 0) << info.name;
  }
}

}  // namespace
}  // namespace sparsecim
