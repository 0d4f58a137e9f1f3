#include "kernels/quantise.hpp"

#include <bit>
#include <cfenv>
#include <cmath>
#include <limits>

#include "kernels/quantised_linear.hpp"
#include "kernels/test_kernels.hpp"

namespace sparsecim {
namespace {

struct Quantised {
  std::vector<std::int8_t> integers;
  std::vector<float> scales;
};

Quantised quantised(const Int8Kernel& kernel, std::span<const float> values, std::int64_t n) {
  Quantised result{std::vector<std::int8_t>(values.size(), 55),
                   std::vector<float>(values.size() / static_cast<std::size_t>(n), -1)};
  EXPECT_TRUE(quantise_rows(values, n, result.integers, result.scales, kernel));
  return result;
}

std::vector<float> normal_values(std::size_t n, float deviation, std::mt19937_64& random) {
  std::normal_distribution<float> normal(0, deviation);
  std::vector<float> values(n);
  for (float& value : values) value = normal(random);
  return values;
}

class Quantise : public Int8KernelTest {};

TEST_P(Quantise, RoundsToNearestByTheRowsLargestMagnitude) {
  std::mt19937_64 random(1);
  for (const std::int64_t n : {1, 2, 15, 16, 17, 63, 64, 65, 200}) {
    const auto values = normal_values(static_cast<std::size_t>(3 * n), 2.5f, random);
    const auto [integers, scales] = quantised(*GetParam(), values, n);
    for (std::size_t row = 0; row < 3; ++row) {
      float largest = 0;
      for (std::int64_t i = 0; i < n; ++i)
        largest = std::max(largest, std::abs(values[row * static_cast<std::size_t>(n) + static_cast<std::size_t>(i)]));
      EXPECT_EQ(scales[row], largest / 127);
      for (std::size_t i = row * static_cast<std::size_t>(n); i < (row + 1) * static_cast<std::size_t>(n); ++i)
        EXPECT_EQ(integers[i], std::nearbyint(values[i] / scales[row])) << values[i];
    }
  }
}

TEST_P(Quantise, RoundsHalvesToEvenAndKeepsSigns) {
  const std::vector<float> values = {127, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f, -2.5f, -0.0f, 126.5f, -126.5f, -127};
  const auto [integers, scales] = quantised(*GetParam(), values, std::ssize(values));
  EXPECT_EQ(integers, (std::vector<std::int8_t>{127, 0, 2, 2, 0, -2, -2, 0, 126, -126, -127}));
  EXPECT_EQ(scales.front(), 1);
}

TEST_P(Quantise, MakesZerosOfARowTooSmallForANormalScale) {
  const float tiny = std::numeric_limits<float>::denorm_min();
  for (const float value : {0.0f, -0.0f, tiny, -0x1p-120f}) {
    const auto [integers, scales] = quantised(*GetParam(), std::vector<float>{value, 0, value}, 3);
    EXPECT_EQ(integers, (std::vector<std::int8_t>{0, 0, 0})) << value;
    EXPECT_EQ(scales.front(), 0);
  }
  EXPECT_EQ(quantised(*GetParam(), std::vector<float>{0x1p-118f, -0x1p-118f}, 2).integers,
            (std::vector<std::int8_t>{127, -127}));
}

TEST_P(Quantise, StaysWithin127AtEveryMagnitude) {
  std::mt19937_64 random(2);
  std::vector<float> values;
  for (int i = 0; i < 200000; ++i) {
    const float any = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
    if (std::isfinite(any) && std::abs(any) > 0x1p-118f) values.push_back(any);
  }
  for (const float value : values) {
    const auto [integers, scales] = quantised(*GetParam(), std::vector<float>{value}, 1);
    ASSERT_EQ(integers.front(), value > 0 ? 127 : -127) << value;
  }
}

TEST_P(Quantise, RefusesWhatIsNotFiniteAndNamesTheRow) {
  for (const float bad : {std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(),
                          std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::quiet_NaN()})
    for (const std::size_t place : {20u, 39u}) {
      std::vector<float> values(60, 1);
      values[place] = bad;
      std::vector<std::int8_t> integers(60);
      std::vector<float> scales(3);
      const auto refused = quantise_rows(values, 20, integers, scales, *GetParam());
      ASSERT_FALSE(refused);
      EXPECT_EQ(refused.error().what, "row 1 holds a value that is infinite or NaN, which 8 bits cannot");
    }
}

INSTANTIATE_TEST_SUITE_P(Kernels, Quantise, ::testing::ValuesIn(kernels_that_run_here()), kernel_name);

TEST(QuantisedLinear, IsTheIntegerProductScaledByTokenAndOutput) {
  std::mt19937_64 random(3);
  const std::int64_t tokens = 9, inputs = 100, outputs = 37;
  const auto weights = normal_values(static_cast<std::size_t>(outputs * inputs), 0.1f, random);
  const auto activations = normal_values(static_cast<std::size_t>(tokens * inputs), 3, random);
  std::vector<float> result(static_cast<std::size_t>(tokens * outputs));
  ASSERT_TRUE(QuantisedLinear::quantised(weights, inputs).value().forward(activations, result));
  const Quantised w = quantised(kPortableInt8, weights, inputs), x = quantised(kPortableInt8, activations, inputs);
  std::vector<std::int32_t> sums(result.size());
  multiply_int8_plainly(w.integers, x.integers, inputs, sums);
  for (std::size_t i = 0; i < result.size(); ++i)
    EXPECT_EQ(result[i], static_cast<float>(sums[i]) * x.scales[i / 37] * w.scales[i % 37]);
}

TEST(QuantisedLinear, IsCloseToTheFloatProduct) {
  std::mt19937_64 random(4);
  const std::size_t inputs = 512;
  const auto weights = normal_values(inputs, 1, random), activations = normal_values(inputs, 1, random);
  double exact = 0;
  for (std::size_t i = 0; i < inputs; ++i) exact += static_cast<double>(weights[i]) * activations[i];
  std::vector<float> result(1);
  ASSERT_TRUE(QuantisedLinear::quantised(weights, 512).value().forward(activations, result));
  // Rounding errors of at most half a step of about 3.5 / 127 on both sides, independent: sqrt(512) * 0.008 * sqrt(2).
  EXPECT_NEAR(result[0], exact, 5 * 0.26);
  EXPECT_NE(result[0], static_cast<float>(exact));
}

TEST(QuantisedLinear, RefusesSumsThatCouldOverflowAndActivationsThatAreNotFinite) {
  const std::vector<float> wide(static_cast<std::size_t>(kMostInt8Inputs) + 1, 1);
  EXPECT_FALSE(QuantisedLinear::quantised(wide, kMostInt8Inputs + 1));
  const auto linear = QuantisedLinear::quantised(std::vector<float>(8, 1), 4).value();
  std::vector<float> outputs(2);
  EXPECT_FALSE(linear.forward(std::vector<float>{1, NAN, 1, 1}, outputs));
}

TEST(QuantisedLinear, GoesThroughManyTokensInParts) {
  // 2^24 sums at a time: 20000 outputs leave room for 838 tokens.
  const std::int64_t outputs = 20000, tokens = 1000;
  const QuantisedLinear linear(std::vector<std::int8_t>(static_cast<std::size_t>(outputs), 127),
                               std::vector<float>(static_cast<std::size_t>(outputs), 1), 1);
  std::vector<float> activations(static_cast<std::size_t>(tokens)), result(static_cast<std::size_t>(tokens * outputs));
  for (std::size_t token = 0; token < activations.size(); ++token) activations[token] = static_cast<float>(token);
  ASSERT_TRUE(linear.forward(activations, result));
  for (std::size_t token = 0; token < activations.size(); ++token)
    for (const std::size_t output : {0u, 19999u})
      EXPECT_NEAR(result[token * 20000 + output], 127.0 * static_cast<double>(token), 0.02);
}

}  // namespace
}  // namespace sparsecim
