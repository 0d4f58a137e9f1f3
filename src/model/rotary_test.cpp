#include "model/rotary.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "checkpoint/random_checkpoint.hpp"
#include "checkpoint/rope_factors.hpp"

namespace sparsecim {
namespace {

TEST(RotaryTable, GivesTheSameAnglesWhicheverPartIsAskedForFirst) {
  ModelConfig config = RandomCheckpoint::tiny();
  config.max_positions = 5000;
  const RotaryTable one(config, at::kCPU), other(config, at::kCPU);
  const Rotation late = one.at(3000, 40);
  for (const std::int64_t start : {0, 250, 700, 3000}) {  // grows three times
    const Rotation first = one.at(start, 40), second = other.at(start, 40);
    EXPECT_TRUE(at::equal(first.cosine, second.cosine) && at::equal(first.sine, second.sine)) << start;
  }
  EXPECT_TRUE(at::equal(late.cosine, other.at(3000, 40).cosine));
  EXPECT_NEAR(late.cosine[7][1].item<double>(), std::cos(3007 * std::pow(10'000.0, -1.0 / 3)), 1e-4);
}

TEST(RotaryTable, OfAModelWithManyPositionsHoldsOnlyThoseAskedFor) {
  ModelConfig config = RandomCheckpoint::tiny();
  config.max_positions = std::int64_t{1} << 40;  // 24 TB of cosines
  EXPECT_EQ(RotaryTable(config, at::kCPU).at(1000, 2).cosine.size(0), 2);
}

TEST(RotaryTable, EndsWhereTheModelEnds) {
  ModelConfig config = RandomCheckpoint::tiny();
  config.max_positions = 300;
  const RotaryTable table(config, at::kCPU);
  EXPECT_EQ(table.at(299, 1).sine.size(0), 1);
  EXPECT_DEATH(table.at(300, 1), "max_positions");
}

TEST(RotaryFrequencies, OfLlama3KeepFastPairsSlowDownSlowOnesAndBlendBetween) {
  // LLaMA 3.1's settings (its config.json): 64 pairs, base 500,000, factor 8, 1 and 4 turns in 8192 positions.
  ModelConfig config = RandomCheckpoint::tiny();
  config.head_dim = 128;
  config.rope_theta = 500'000;
  const at::Tensor plain = rotary_frequencies(config);
  config.rope_scaling = {RopeScaling::Kind::kLlama3, 8, 1, 4, 8192};
  const at::Tensor ratio = rotary_frequencies(config) / plain;
  for (std::int64_t i = 0; i < 64; ++i) {
    const double turns = 8192 * plain[i].item<double>() / (2 * M_PI), kept = ratio[i].item<double>();
    const double blend = std::clamp((turns - 1) / 3, 0.0, 1.0);
    EXPECT_NEAR((kept - 0.125) / 0.875, blend, 1e-5) << i;
  }
  EXPECT_FLOAT_EQ(ratio[28].item<float>(), 1);      // 4.19 turns
  EXPECT_LT(ratio[29].item<float>(), 1);            // 3.41
  EXPECT_GT(ratio[34].item<float>(), 0.125);        // 1.22
  EXPECT_FLOAT_EQ(ratio[35].item<float>(), 0.125);  // 0.997
}

TEST(RotaryFrequencies, OfLlama3AreTheUnscaledOnesOverTheFactorsThatAGgufWouldStore) {
  ModelConfig config = RandomCheckpoint::tiny();
  config.head_dim = 64;
  config.rope_theta = 500'000;
  const at::Tensor plain = rotary_frequencies(config);
  config.rope_scaling = {RopeScaling::Kind::kLlama3, 32, 1, 4, 8192};
  const at::Tensor scaled = rotary_frequencies(config);
  const std::vector<double> divisors = llama3_divisors(config);
  for (std::int64_t i = 0; i < 32; ++i) {
    const double expected = plain[i].item<double>() / divisors[static_cast<std::size_t>(i)];
    EXPECT_NEAR(scaled[i].item<double>(), expected, 2e-6 * expected) << i;
  }
}

}  // namespace
}  // namespace sparsecim
