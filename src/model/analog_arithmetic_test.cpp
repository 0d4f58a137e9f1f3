#include "model/analog_arithmetic.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "kernels/quantised_linear.hpp"
#include "model/decoder_block.hpp"

namespace sparsecim {
namespace {

using ::testing::HasSubstr;

constexpr std::int64_t kTokens = 37;

AnalogParameters with_exact_converters(std::int64_t cell_bits = 8) {
  AnalogParameters parameters;
  parameters.array = {64, 48};
  parameters.format.cell_bits = cell_bits;
  parameters.converters.rule = Converters::Rule::kExact;
  return parameters;
}

MonarchLinear random_factors(const MonarchShape& shape) {
  return {.shape = shape,
          .left = at::randn({shape.blocks, shape.outputs, shape.middle}),
          .right = at::randn({shape.blocks, shape.middle, shape.inputs})};
}

double relative_error(const at::Tensor& a, const at::Tensor& b) { return ((a - b).norm() / b.norm()).item<double>(); }

TEST(AnalogArithmetic, IsEightBitArithmeticBitForBitWhereConvertersHaveBitsEnoughAndNothingIsNoisy) {
  at::manual_seed(1);
  for (const auto& [n_out, n_in] : {std::pair{50, 70}, {96, 64}, {3, 1}})
    for (const std::int64_t cell_bits : {1, 2, 8}) {
      const at::Tensor weight = at::randn({n_out, n_in}), input = at::randn({kTokens, n_in}), bias = at::randn({n_out});
      AnalogArithmetic arrays(with_exact_converters(cell_bits), {}, 0);
      const auto stored = arrays.store("m", weight).value();
      const at::Tensor analog = linear_analog(input, *stored, bias);
      const auto quantised = quantise("m", weight, {}).value();
      EXPECT_TRUE(analog.equal(linear_int8(input, *quantised, bias)));
      EXPECT_EQ(arrays.matrices().at("m").tokens, kTokens);
      EXPECT_EQ(arrays.count().clipped, 0);
      EXPECT_GT(arrays.count().conversions, 0);
    }
}

TEST(AnalogArithmetic, ComputesMonarchFactorsInEveryMappingAlikeAndAsNearToThemAsTheirBitsAllow) {
  at::manual_seed(2);
  for (const MonarchShape& shape : {monarch_of_blocks(40, 30, 4).value(), monarch_of_squares(30, 41).value()}) {
    const MonarchLinear factors = random_factors(shape);
    const at::Tensor input = at::randn({2, kTokens, shape.n_in}), expected = linear_monarch(input, factors, {});
    at::Tensor first;
    for (const CellMapping mapping :
         {CellMapping::kLinear, CellMapping::kSparse, CellMapping::kDenseBlocks, CellMapping::kDenseElements}) {
      AnalogParameters parameters = with_exact_converters();
      parameters.mapping = mapping;
      AnalogArithmetic arrays(parameters, {}, 0);
      const auto stored = arrays.store("m", factors).value();
      const at::Tensor output = linear_analog(input, *stored, {});
      EXPECT_EQ(output.sizes(), expected.sizes());
      EXPECT_LT(relative_error(output, expected), 0.02);
      EXPECT_EQ(arrays.matrices().at("m").mapping,
                kCellMappingNames[mapping == CellMapping::kLinear ? 1 : static_cast<int>(mapping)]);
      if (!first.defined()) first = output;
      EXPECT_TRUE(output.equal(first)) << "exact sums do not depend on where weights lie";
    }
  }
}

TEST(AnalogArithmetic, ErrsMoreTheFewerBitsConvertersHaveAndTheMoreNoiseThereIs) {
  at::manual_seed(3);
  const at::Tensor weight = at::randn({64, 96}), input = at::randn({kTokens, 96}), expected = at::linear(input, weight);
  const auto error = [&](std::int64_t bits, const CellNoise& noise) {
    AnalogParameters parameters = with_exact_converters(1);
    parameters.converters.bits = bits;
    parameters.noise = noise;
    AnalogArithmetic arrays(parameters, {}, 5);
    return relative_error(linear_analog(input, *arrays.store("m", weight).value(), {}), expected);
  };
  double before = error(7, {});  // sums of up to 64 have codes of their own
  EXPECT_LT(before, 0.02);
  for (const std::int64_t bits : {5, 4, 3, 2}) {
    const double now = error(bits, {});
    EXPECT_GT(now, 1.2 * before) << bits;
    before = now;
  }
  EXPECT_GT(error(7, {.read = 0.05}), 2 * error(7, {}));
  EXPECT_GT(error(7, {.read = 0.2}), 2 * error(7, {.read = 0.05}));
  EXPECT_GT(error(7, {.programming = 0.05}), 2 * error(7, {}));
  const CellNoise aged{.drift_exponent = 0.06, .seconds = 1e5};
  CellNoise compensated = aged;
  compensated.drift_compensated = true;
  EXPECT_GT(error(7, aged), 10 * error(7, compensated));
  EXPECT_DOUBLE_EQ(error(7, compensated), error(7, {}));
}

TEST(AnalogArithmetic, RepeatsARunFromItsSeedHoweverOftenBlocksAreRead) {
  at::manual_seed(4);
  const at::Tensor weight = at::randn({32, 32}), input = at::randn({kTokens, 32});
  const auto run = [&](std::uint64_t seed, const std::string& name, bool reread) {
    AnalogParameters parameters = with_exact_converters();
    parameters.noise = {.programming = 0.02, .read = 0.02};
    AnalogArithmetic arrays(parameters, {}, seed);
    auto stored = arrays.store(name, weight).value();
    const at::Tensor begin = linear_analog(input.narrow(0, 0, 10), *stored, {});
    if (reread) stored = arrays.store(name, weight).value();
    return at::cat({begin, linear_analog(input.narrow(0, 10, kTokens - 10), *stored, {})});
  };
  const at::Tensor once = run(1, "m", false);
  EXPECT_TRUE(once.equal(run(1, "m", true)));
  EXPECT_FALSE(once.equal(run(2, "m", false)));
  EXPECT_FALSE(once.equal(run(1, "n", false)));
}

TEST(AnalogArithmetic, ClipsAndCountsWhatIsAboveAHalvedRange) {
  AnalogParameters parameters = with_exact_converters(1);
  parameters.converters = {.bits = 4, .halvings = 3};  // steps of one, up to 15 of 64
  AnalogArithmetic arrays(parameters, {}, 0);
  const auto stored = arrays.store("m", at::ones({8, 64})).value();
  linear_analog(at::ones({1, 64}), *stored, {});
  EXPECT_GT(arrays.count().clipped, 0);
  const Json json = to_json(arrays);
  EXPECT_EQ(json["clipped"], arrays.count().clipped);
  EXPECT_EQ(json["matrices"][0]["adc_shift"][0], 0);
}

TEST(AnalogArithmetic, TakesNumbersOfManyBitsAndOfFew) {
  at::manual_seed(6);
  const at::Tensor weight = at::randn({20, 30}), input = at::randn({kTokens, 30}), expected = at::linear(input, weight);
  double before = HUGE_VAL;
  for (const auto& [weight_bits, input_bits] : {std::pair{2, 3}, {4, 5}, {8, 8}, {12, 13}, {16, 32}}) {
    AnalogParameters parameters = with_exact_converters();
    parameters.format.weight_bits = weight_bits;
    parameters.format.input_bits = input_bits;
    AnalogArithmetic arrays(parameters, {}, 0);
    const double now = relative_error(linear_analog(input, *arrays.store("m", weight).value(), {}), expected);
    EXPECT_LT(now, before / 3) << weight_bits;
    before = now;
  }
  EXPECT_LT(before, 1e-4);
}

TEST(AnalogArithmetic, RefusesNumbersAndBlocksThatTheWeightsAreNotOf) {
  AnalogParameters parameters = with_exact_converters();
  parameters.blocks = 8;
  AnalogArithmetic other_blocks(parameters, {}, 0);
  EXPECT_EQ(other_blocks.store("m", random_factors(monarch_of_blocks(40, 40, 4).value())).error().line(),
            "m: it is stored as factors of 4 blocks, not 8; leave monarch.blocks out, or choose 4");
  parameters.format.weight_bits = 1;
  AnalogArithmetic one_bit(parameters, {}, 0);
  EXPECT_EQ(one_bit.store("m", at::ones({2, 2})).error().line(),
            "m: weights of 1 bit are all zero; choose weights.bits of 2 or more");
}

TEST(AnalogArithmetic, RefusesWhatIsNotFiniteAndFactorsThatArraysDoNotHold) {
  AnalogArithmetic arrays(with_exact_converters(), {}, 0);
  at::Tensor weight = at::ones({4, 4});
  const auto stored = arrays.store("m", weight).value();
  at::Tensor input = at::ones({2, 4});
  input[1][2] = std::nanf("");
  EXPECT_TRUE(linear_analog(input, *stored, {}).isnan().all().item<bool>());
  weight[2][1] = HUGE_VALF;
  EXPECT_EQ(arrays.store("m", weight).error().line(), "m: row 2 holds a value that is infinite or NaN");
  EXPECT_THAT(arrays.store("m", random_factors(monarch_of_blocks(400, 400, 2).value())).error().line(),
              HasSubstr("m: a block of 200 inputs and 200 outputs does not fit a 64 x 48 array; choose at least 9"));
}

}  // namespace
}  // namespace sparsecim
