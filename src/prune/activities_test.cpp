#include "prune/activities.hpp"

#include <gtest/gtest.h>

#include "checkpoint/random_checkpoint.hpp"
#include "hardware/activity.hpp"
#include "kernels/quantise.hpp"

namespace sparsecim {
namespace {

class MeasuredActivities : public testing::Test {
 protected:
  static Calibration calibration(std::int64_t sequences) {
    at::manual_seed(3);
    Calibration calibration;
    calibration.batches = {at::randint(0, 50, {sequences, 16}, at::kLong)};
    calibration.tokens = sequences * 16;
    return calibration;
  }
  /// Of the whole tensor [tokens, n] at once.
  static Activity directly(const at::Tensor& x) {
    std::vector<std::int8_t> integers(static_cast<std::size_t>(x.numel()));
    std::vector<float> scales(static_cast<std::size_t>(x.size(0)));
    EXPECT_TRUE(quantise_rows({x.const_data_ptr<float>(), integers.size()}, x.size(1), integers, scales));
    return activity_of(integers, x.size(1));
  }

  const c10::InferenceMode no_gradients_;
  RandomCheckpoint checkpoint_{RandomCheckpoint::tiny()};
  const Llama model_ = Llama::open(checkpoint_, {}).value();
};

TEST_F(MeasuredActivities, AreThoseOfTheInputsThatTheMatricesRead) {
  const Calibration calibration = MeasuredActivities::calibration(5);
  const auto measured = measure_activities(model_, calibration).value();
  EXPECT_EQ(measured.size(), 2u * 7 + 1);
  at::Tensor hidden = model_.embed(calibration.batches[0]);
  std::array<at::Tensor, kLinearInputs> inputs;
  for (std::int64_t block = 0; block < 2; ++block)
    hidden = model_.forward_block(
        model_.block(block).value(), hidden, nullptr,
        [&](LinearInput i, const at::Tensor& x) { inputs[static_cast<std::size_t>(i)] = x.contiguous(); });
  const auto toggle = [](const Activity& activity) { return activity.activation_toggle; };
  EXPECT_DOUBLE_EQ(toggle(measured.at("model.layers.1.mlp.down_proj")),
                   toggle(directly(inputs[static_cast<std::size_t>(LinearInput::kMlpHidden)])));
  EXPECT_DOUBLE_EQ(toggle(measured.at("model.layers.1.self_attn.v_proj")),
                   toggle(directly(inputs[static_cast<std::size_t>(LinearInput::kAttention)])));
  EXPECT_DOUBLE_EQ(toggle(measured.at("lm_head")), toggle(directly(model_.head_input(hidden).flatten(0, 1))));
  EXPECT_TRUE(measured.at("lm_head").measured);
}

TEST_F(MeasuredActivities, OfLongTextsAreThoseOfTheirFirstTokens) {
  const auto some = measure_activities(model_, calibration(kActivityTokens / 16)).value();
  Calibration more = calibration(kActivityTokens / 16);
  more.batches.push_back(at::zeros({50, 16}, at::kLong));
  EXPECT_EQ(measure_activities(model_, more)->at("lm_head").activation_toggle, some.at("lm_head").activation_toggle);
}

TEST_F(MeasuredActivities, OfAModelWhoseActivationsAreInfiniteAreRefused) {
  std::ranges::fill(checkpoint_.values("model.layers.0.mlp.gate_proj.weight"), 3e38f);
  EXPECT_FALSE(measure_activities(model_, calibration(2)));
}

}  // namespace
}  // namespace sparsecim
