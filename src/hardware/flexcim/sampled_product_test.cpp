#include "hardware/flexcim/sampled_product.hpp"

#include <gtest/gtest.h>

#include "hardware/flexcim/test_matrices.hpp"

namespace sparsecim {
namespace {

constexpr std::int64_t kSampleTokens = 6;

/// A product with the sums that it ought to have, in three loops.
struct Exact {
  std::vector<std::int8_t> weights, activations;
  std::vector<std::int32_t> sums;
  std::int64_t n_inputs;

  Exact(const FlexcimLayout& layout, std::int64_t n_outputs, std::int64_t inputs, std::mt19937_64& random)
      : weights(random_matrix(layout, n_outputs, inputs, Values::kExtremes, random)),
        activations(random_values(kSampleTokens * inputs, Values::kRandom, random)),
        n_inputs(inputs) {
    for (std::int64_t token = 0; token < kSampleTokens; ++token)
      for (std::int64_t output = 0; output < n_outputs; ++output) {
        std::int32_t sum = 0;
        for (std::int64_t i = 0; i < inputs; ++i)
          sum += weights[static_cast<std::size_t>(output * inputs + i)] *
                 activations[static_cast<std::size_t>(token * inputs + i)];
        sums.push_back(sum);
      }
  }
};

FlexcimParameters small_machine() { return {.array = {.rows = 32, .columns = 8, .sub_macros = 4}, .system = {}}; }

TEST(FlexcimSampledProduct, AgreesWithTheIntegerProductForEveryPatternAndPairSelection) {
  std::mt19937_64 random(57);
  for (const FlexcimParameters& machine : all_pair_selections(small_machine().array))
    for (const Pattern pattern : patterns_for(machine.array, machine.any_n)) {
      const Exact exact(FlexcimLayout::of(machine, pattern), 29, 100, random);
      const auto product = FlexcimSampledProduct::of(machine, pattern, exact.weights, exact.n_inputs, {3, 4});
      ASSERT_TRUE(product) << product.error().line();
      EXPECT_EQ(product->compare(exact.activations, exact.sums).value(), 4);
    }
}

TEST(FlexcimSampledProduct, SaysWhichSumDiffersAndByHowMuch) {
  std::mt19937_64 random(58);
  const FlexcimParameters machine = small_machine();
  Exact exact(FlexcimLayout::of(machine, {2, 4}), 20, 64, random);
  const auto product = FlexcimSampledProduct::of(machine, {2, 4}, exact.weights, 64, {1, 1}).value();
  ASSERT_TRUE(product.compare(exact.activations, exact.sums));
  // The last of three strips, outputs 16 .. 19, and the last token are the sample.
  std::int32_t& sum = exact.sums[5 * 20 + 17];
  const std::int32_t right = sum++;
  const auto refused = product.compare(exact.activations, exact.sums);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().what,
            fmt::format("output 17 of token 5: the macro's bit-serial arithmetic gives {}, the fast product {}", right,
                        right + 1));
}

TEST(FlexcimSampledProduct, ComparesAllWhereTheSampleIsAsLargeAsTheMatrix) {
  std::mt19937_64 random(59);
  const FlexcimParameters machine = small_machine();
  Exact exact(FlexcimLayout::of(machine, {}), 20, 40, random);
  const auto product = FlexcimSampledProduct::of(machine, {}, exact.weights, 40, {100, 100}).value();
  EXPECT_EQ(product.tiles(), 6);
  EXPECT_EQ(product.sampled_tiles(), 6);
  EXPECT_EQ(product.compare(exact.activations, exact.sums).value(), kSampleTokens);
  for (std::int32_t& sum : exact.sums) {
    ++sum;
    EXPECT_FALSE(product.compare(exact.activations, exact.sums));
    --sum;
  }
}

TEST(FlexcimSampledProduct, RefusesWeightsThatThePatternOrSharedPairsDoNotHoldOutsideTheSampleToo) {
  FlexcimParameters machine = small_machine();
  std::vector<std::int8_t> weights(64 * 64);
  weights[0] = weights[1] = weights[2] = 1;  // of output 0, which the sample leaves out
  EXPECT_FALSE(FlexcimSampledProduct::of(machine, {2, 4}, weights, 64, {1, 1}));
  EXPECT_TRUE(FlexcimSampledProduct::of(machine, {4, 8}, weights, 64, {1, 1}));
  machine.pair_select = PairSelectKind::kSharedPairs;
  machine.columns_per_group = 8;
  weights[64 + 4] = weights[64 + 6] = 1;  // outputs 0 and 1 need three slots, one twice and one each
  weights[1] = 0;
  const auto refused = FlexcimSampledProduct::of(machine, {2, 8}, weights, 64, {1, 1});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().what.find("pairs between them"), std::string::npos) << refused.error().what;
}

TEST(FlexcimSampledProduct, CountsTheBitsThatPartialSumsCanNeedAndRefusesMoreThanThereAre) {
  const FlexcimParameters machine = small_machine();
  const auto bits = [&](std::int64_t n_inputs, std::int8_t weight) -> Result<std::int64_t> {
    const std::vector<std::int8_t> weights(static_cast<std::size_t>(n_inputs), weight);
    SC_TRY_ASSIGN(const auto product, FlexcimSampledProduct::of(machine, {}, weights, n_inputs, {1, 1}));
    return product.partial_sum_bits();
  };
  EXPECT_EQ(bits(1, 0).value(), 1);
  EXPECT_EQ(bits(1, 1).value(), 9);  // -128 .. 128
  EXPECT_EQ(bits(32, -128).value(), 21);
  EXPECT_EQ(bits(131071, -128).value(), 32);
  const auto refused = bits(131072, -128);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().what, "partial sums of output 0 can need 33 bits, and the macro has 32");
  EXPECT_EQ(bits(131072, 127).value(), 32) << "it is the weights that count, not how many there are";
}

TEST(EvenlySpread, TakesTheLastAndNeverOneTwice) {
  EXPECT_EQ(evenly_spread(3, 1), (std::vector<std::int64_t>{2}));
  EXPECT_EQ(evenly_spread(9, 3), (std::vector<std::int64_t>{2, 5, 8}));
  EXPECT_EQ(evenly_spread(2, 5), (std::vector<std::int64_t>{0, 1}));
  EXPECT_TRUE(evenly_spread(0, 4).empty());
}

}  // namespace
}  // namespace sparsecim
