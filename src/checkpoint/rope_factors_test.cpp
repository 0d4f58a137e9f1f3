#include "checkpoint/rope_factors.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

namespace sparsecim {
namespace {

ModelConfig model(std::int64_t head_dim, double theta, RopeScaling scaling) {
  ModelConfig config;
  config.head_dim = head_dim;
  config.rope_theta = theta;
  config.rope_scaling = scaling;
  return config;
}

RopeScaling llama3(double factor, std::int64_t original) {
  return {RopeScaling::Kind::kLlama3, factor, 1, 4, original};
}

std::vector<float> factors_of(const ModelConfig& config) {
  const std::vector<double> divisors = llama3_divisors(config);
  return {divisors.begin(), divisors.end()};
}

TEST(Llama3Divisors, LeaveFastPairsDivideSlowOnesAndBlendInBetween) {
  const ModelConfig config = model(128, 500'000, llama3(8, 8192));
  const std::vector<double> divisors = llama3_divisors(config);
  ASSERT_EQ(divisors.size(), 64u);
  int blended = 0;
  for (std::size_t i = 0; i < 64; ++i) {
    const double frequency = std::pow(500'000.0, -static_cast<double>(i) / 64);
    const double turns = 8192 * frequency / (2 * std::numbers::pi);
    if (turns >= 4) {
      EXPECT_EQ(divisors[i], 1);
    } else if (turns <= 1) {
      EXPECT_EQ(divisors[i], 8);
    } else {
      ++blended;
      const double weight = (turns - 1) / 3;  // of the unscaled frequency
      EXPECT_NEAR(frequency / divisors[i], weight * frequency + (1 - weight) * frequency / 8, 1e-15);
    }
  }
  EXPECT_GE(blended, 5);
}

TEST(Llama3Slowing, KeepsWhatTurnsFourTimesAndBlendsUpToWhatTurnsOnce) {
  const RopeScaling scaling = llama3(8, 8192);
  EXPECT_EQ(llama3_slowing(scaling, 8192.0 / 4), 1);
  EXPECT_LT(llama3_slowing(scaling, 8192.0 / 3.99), 1);
  EXPECT_DOUBLE_EQ(llama3_slowing(scaling, 8192.0 / 2.5), 0.5 + 0.5 / 8);  // half way
  EXPECT_GT(llama3_slowing(scaling, 8192.0 / 1.01), 0.125);
  EXPECT_EQ(llama3_slowing(scaling, 8192.0), 0.125);
}

TEST(ScalingOfFactors, FindsWhatMadeThem) {
  int n_tried = 0;
  for (const std::int64_t head_dim : {16, 64, 80, 128})
    for (const double theta : {10'000.0, 500'000.0, 1e6})
      for (const double factor : {2.0, 8.0, 32.0})
        for (const std::int64_t original : {100, 2048, 8192, 131'072}) {
          ModelConfig config = model(head_dim, theta, llama3(factor, original));
          const std::vector<float> factors = factors_of(config);
          if (factors.back() != 1 && factors.back() != static_cast<float>(factor))
            continue;  // says less than the scaling
          ++n_tried;
          const auto found = scaling_of_factors(factors, config);
          ASSERT_TRUE(found) << head_dim << " " << theta << " " << factor << " " << original;
          config.rope_scaling = *found;
          if (found->kind == RopeScaling::Kind::kLlama3) {
            EXPECT_EQ(factors_of(config), factors);
          } else {  // no pair is slow enough, or all are
            EXPECT_EQ(factors, std::vector<float>(factors.size(), static_cast<float>(found->factor)));
          }
        }
  EXPECT_GT(n_tried, 100);
}

TEST(ScalingOfFactors, GivesThePublishedScalingsOfLlama3) {
  for (const auto& [head_dim, factor] : {std::pair(128, 8.0), std::pair(64, 32.0), std::pair(128, 32.0)}) {
    const ModelConfig config = model(head_dim, 500'000, llama3(factor, 8192));
    EXPECT_EQ(scaling_of_factors(factors_of(config), config).value(), config.rope_scaling);
  }
}

TEST(ScalingOfFactors, RefusesThemWhenOneIsOffByAThousandth) {
  const ModelConfig config = model(64, 500'000, llama3(8, 8192));
  for (std::size_t i = 0; i < 32; ++i) {
    std::vector<float> factors = factors_of(config);
    factors[i] *= 1.001f;
    EXPECT_FALSE(scaling_of_factors(factors, config)) << i;
  }
}

}  // namespace
}  // namespace sparsecim
