#include "hardware/analog/functional.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace sparsecim {
namespace {

using Ints = std::vector<std::int64_t>;

Ints ints_of(std::int64_t n, std::int64_t bits, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_int_distribution<std::int64_t> uniform(-(std::int64_t{1} << (bits - 1)),
                                                      (std::int64_t{1} << (bits - 1)) - 1);
  Ints values(static_cast<std::size_t>(n));
  for (std::int64_t& value : values) value = uniform(random);
  return values;
}

/// Two matrices of one phase and one of the next, all of `shape`, with weights and the plan that holds them.
struct Chip {
  AnalogPlan plan;
  std::vector<MonarchShape> shapes;
  std::vector<std::vector<Ints>> weights;  // [matrix][stage]

  Chip(const MonarchShape& shape, CellMapping mapping, ArraySize array, const PlacementRules& rules,
       const NumberFormat& format = {.middle_bits = 24},
       const Converters& converters = {.adcs = 4, .rule = Converters::Rule::kExact}) {
    plan.array = array;
    plan.rules = rules;
    plan.format = format;
    plan.converters = converters;
    for (const std::int64_t phase : {0, 0, 1}) {
      shapes.push_back(shape);
      plan.matrices.push_back({.stages = {}, .phase = phase});
      weights.emplace_back();
      for (const ArrayStage& stage : stages_of(shape)) {
        plan.matrices.back().stages.push_back(Layout::make(mapping, stage, array).value());
        weights.back().push_back(ints_of(stage.weights(), format.weight_bits,
                                         static_cast<unsigned>(10 * weights.size() + weights.back().size())));
      }
    }
    plan.placed = place(plan.matrices, rules);
  }

  Ints expected(std::size_t matrix, const Ints& x) const {
    return monarch_product<std::int64_t>(shapes[matrix], weights[matrix][1], weights[matrix][0], x);
  }
};

constexpr std::size_t kFirstPhase[] = {0, 1};

Ints output_of(const Chip& chip, const Executed& executed, std::int64_t token, std::size_t matrix) {
  Ints y = executed.buffers[static_cast<std::size_t>(buffers_of(chip.plan, kFirstPhase).output(token, matrix, 1))];
  y.resize(static_cast<std::size_t>(chip.shapes[matrix].n_out));
  return y;
}

/// Executes three tokens of the first phase and compares all outputs.
void expect_exact(const Chip& chip) {
  constexpr std::int64_t kTokens = 3;
  const CommandStream stream = schedule(chip.plan, kFirstPhase, kTokens);
  ASSERT_TRUE(validate(stream)) << validate(stream).error().line();
  std::vector<Ints> inputs(stream.buffers.size()), tokens;
  for (std::int64_t token = 0; token < kTokens; ++token) {
    tokens.push_back(ints_of(chip.shapes[0].n_in, chip.plan.format.input_bits, static_cast<unsigned>(100 + token)));
    inputs[static_cast<std::size_t>(buffers_of(chip.plan, kFirstPhase).input(token))] = tokens.back();
  }
  auto programmed = ProgrammedChip::program(chip.plan, chip.weights).value();
  const Executed executed = programmed.execute(stream, inputs).value();
  EXPECT_EQ(executed.clipped, 0);
  EXPECT_GT(executed.conversions, 0);
  for (std::int64_t token = 0; token < kTokens; ++token)
    for (const std::size_t matrix : kFirstPhase)
      EXPECT_EQ(output_of(chip, executed, token, matrix),
                chip.expected(matrix, tokens[static_cast<std::size_t>(token)]));
}

TEST(AnalogStream, ComputesTheMonarchProductExactlyWhenTheConvertersHaveBitsEnough) {
  for (const MonarchShape& shape : {monarch_of_squares(64, 64).value(), monarch_of_squares(64, 25).value(),
                                    monarch_of_blocks(40, 23, 5).value(), monarch_of_blocks(20, 60, 6).value()})
    for (const CellMapping mapping : {CellMapping::kSparse, CellMapping::kDenseBlocks, CellMapping::kDenseElements})
      for (const PlacementOrder order : {PlacementOrder::kFirstFit, PlacementOrder::kContentionAware})
        for (const bool overlap : {false, true})
          expect_exact(Chip(shape, mapping, {20, 24}, {order, Packing::kFull, overlap}));
}

TEST(AnalogStream, ComputesExactlyWithEverySliceOfWeightsAndPlaneOfInputs) {
  const MonarchShape shape = monarch_of_squares(36, 36).value();
  for (const std::int64_t cell_bits : {1, 2, 3, 8})
    for (const std::int64_t plane_bits : {1, 2, 3})
      expect_exact(Chip(shape, CellMapping::kDenseBlocks, {12, 12}, {},
                        {.cell_bits = cell_bits, .middle_bits = 24, .plane_bits = plane_bits}));
}

TEST(AnalogStream, ComputesExactlyWithAnyNumberOfConverters) {
  const MonarchShape shape = monarch_of_squares(16, 16).value();
  for (const std::int64_t adcs : {1, 2, 4, 8, 16})
    expect_exact(Chip(shape, CellMapping::kDenseElements, {16, 16}, {}, {.middle_bits = 24},
                      {.adcs = adcs, .rule = Converters::Rule::kExact}));
}

/// The rule of arXiv 2510.11192 gives log2(rows) bits: one level too few, and it is the sum of all ones that is lost.
TEST(AnalogStream, OfOneBitProductsLosesTheSumOfAllOnesAloneByThePublishedBits) {
  const MonarchShape shape = monarch_of_squares(16, 16).value();
  const NumberFormat one_bit{.weight_bits = 1, .cell_bits = 1, .input_bits = 2, .middle_bits = 24};
  Chip chip(shape, CellMapping::kSparse, {16, 16}, {}, one_bit, {.adcs = 16, .rule = Converters::Rule::kRows});
  for (auto& stage : chip.weights[0]) std::ranges::fill(stage, 0);  // stored as ones: 0 is the largest of one bit
  const CommandStream stream = schedule(chip.plan, kFirstPhase, 1);
  std::vector<Ints> inputs(stream.buffers.size());
  inputs[0] = Ints(16, 1);
  auto programmed = ProgrammedChip::program(chip.plan, chip.weights).value();
  const Executed all_ones = programmed.execute(stream, inputs).value();
  EXPECT_GT(all_ones.clipped, 0);
  inputs[0] = Ints(16, 1);
  for (std::size_t i = 0; i < 4; ++i) inputs[0][i] = 0;  // strided: input 0 of every block
  chip.weights[1] = chip.weights[0];
  auto again = ProgrammedChip::program(chip.plan, chip.weights).value();
  EXPECT_EQ(again.execute(stream, inputs)->clipped, 0);
}

TEST(AnalogStream, WithFewerBitsErrsByAtMostHalfAStepForEachConversion) {
  const MonarchShape shape = monarch_of_squares(16, 16).value();
  const Chip chip(shape, CellMapping::kDenseBlocks, {16, 16}, {}, {.middle_bits = 24}, {.adcs = 16, .bits = 9});
  const CommandStream stream = schedule(chip.plan, kFirstPhase, 1);
  const ConverterCode code = converter_code(*chip.plan.matrices[0].stages[0], chip.plan.format, chip.plan.converters);
  EXPECT_EQ(code.shift, 1);  // 4 rows of up to 255: 10 bits
  std::vector<Ints> inputs(stream.buffers.size());
  inputs[0] = ints_of(16, 8, 1);
  auto programmed = ProgrammedChip::program(chip.plan, chip.weights).value();
  const Executed executed = programmed.execute(stream, inputs).value();
  Ints x(16), middle(16);
  for (std::int64_t k = 0; k < 4; ++k)
    for (std::int64_t j = 0; j < 4; ++j)
      for (std::int64_t l = 0; l < 4; ++l)
        middle[static_cast<std::size_t>(k * 4 + j)] +=
            chip.weights[0][0][static_cast<std::size_t>((k * 4 + j) * 4 + l)] *
            inputs[0][static_cast<std::size_t>(shape.input_of(k, l))];
  std::int64_t planes_weight = 255;  // 1 + 2 + ... + 128, half a step (1) in each
  bool differs = false;
  for (std::size_t i = 0; i < 16; ++i) {
    const std::int64_t got = executed.buffers[1][i];
    EXPECT_LE(std::abs(got - middle[i]), planes_weight);
    differs = differs || got != middle[i];
  }
  EXPECT_TRUE(differs);
}

TEST(AnalogStream, NoiseMovesOutputsAsFarAsItsVarianceSays) {
  // One block of 16 x 16, every weight 0, every input 1: a single plane with sums of 16 cells.
  const MonarchShape shape = monarch_of_blocks(16, 16, 1).value();
  Chip chip(shape, CellMapping::kSparse, {16, 16}, {}, {.middle_bits = 24},
            {.adcs = 16, .rule = Converters::Rule::kExact});
  for (auto& matrix : chip.weights)
    for (auto& stage : matrix) std::ranges::fill(stage, 0);
  const CommandStream stream = schedule(chip.plan, kFirstPhase, 1);
  std::vector<Ints> inputs(stream.buffers.size());
  inputs[0] = Ints(16, 1);
  for (const auto& [noise, expected] :
       {std::pair{CellNoise{.programming = 0.02}, 0.02 * 255 * 4}, {CellNoise{.read = 0.03}, 0.03 * 255 * 4}}) {
    double squares = 0, n = 0;
    for (std::uint64_t seed = 0; seed < 40; ++seed) {
      auto programmed = ProgrammedChip::program(chip.plan, chip.weights, noise, seed).value();
      const auto executed = programmed.execute(stream, inputs);
      ASSERT_TRUE(executed) << executed.error().line();
      for (std::size_t i = 0; i < 16; ++i, ++n) squares += std::pow(static_cast<double>(executed->buffers[1][i]), 2);
    }
    // In the sums of planes without an active row the noise of reads is nothing; one plane remains.
    EXPECT_NEAR(std::sqrt(squares / n) / expected, 1, 0.1);
  }
}

TEST(AnalogStream, DriftLowersWhatIsStoredAndIsExactAtOneSecond) {
  NoiseSource source(1);
  EXPECT_EQ(written_conductance(200, 255, {.drift_exponent = 0.06, .seconds = 1}, source), 200);
  EXPECT_NEAR(written_conductance(200, 255, {.drift_exponent = 0.06, .seconds = 1e6}, source),
              200 * std::pow(10, -0.36), 1e-3);
}

TEST(AnalogStream, OfAnotherPlanIsRefused) {
  const MonarchShape shape = monarch_of_squares(64, 64).value();
  const Chip here(shape, CellMapping::kDenseBlocks, {32, 32}, {.order = PlacementOrder::kFirstFit});
  const Chip there(shape, CellMapping::kDenseBlocks, {32, 32}, {.order = PlacementOrder::kContentionAware});
  auto programmed = ProgrammedChip::program(here.plan, here.weights).value();
  CommandStream stream = schedule(there.plan, kFirstPhase, 1);
  const auto refused = programmed.execute(stream, {});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().line().find("another plan"), std::string::npos) << refused.error().line();
  stream = schedule(here.plan, kFirstPhase, 1);
  EXPECT_TRUE(programmed.execute(stream, {}));
  stream.arrays += 1;
  EXPECT_FALSE(programmed.execute(stream, {}));
}

TEST(AnalogStream, ValuesThatNeedMorePlanesAreRefused) {
  const MonarchShape shape = monarch_of_squares(64, 64).value();
  const Chip chip(shape, CellMapping::kSparse, {32, 32}, {});
  auto programmed = ProgrammedChip::program(chip.plan, chip.weights).value();
  const CommandStream stream = schedule(chip.plan, kFirstPhase, 1);
  EXPECT_TRUE(programmed.execute(stream, {Ints(64, 127)}));
  EXPECT_EQ(
      programmed.execute(stream, {Ints(64, 128)}).error().line(),
      "command 1: the value 128 at 0 of buffer 0 does not fit 8 bits; give the stage more planes, or scale what it "
      "reads");
  EXPECT_FALSE(programmed.execute(stream, {Ints(65, 1)}));
}

TEST(AnalogStream, FactorsOfOtherShapesAreRefused) {
  Chip chip(monarch_of_squares(64, 64).value(), CellMapping::kSparse, {32, 32}, {});
  chip.weights[2][1].pop_back();
  EXPECT_EQ(ProgrammedChip::program(chip.plan, chip.weights).error().line(),
            "matrix 2, stage 1: 511 weights for a factor of 512");
  chip.weights[2][1].push_back(128);
  EXPECT_FALSE(ProgrammedChip::program(chip.plan, chip.weights));
  chip.weights[2].pop_back();
  EXPECT_FALSE(ProgrammedChip::program(chip.plan, chip.weights));
  chip.weights.pop_back();
  EXPECT_FALSE(ProgrammedChip::program(chip.plan, chip.weights));
}

TEST(Crossbar, SumsEveryColumnAsThePlainReferenceDoes) {
  std::mt19937 random(3);
  std::uniform_int_distribution<int> level(0, 255), bit(0, 1);
  for (const auto& [rows, columns, pitch] :
       {std::tuple{1, 1, 1}, {7, 31, 40}, {256, 256, 256}, {100, 33, 33}, {64, 96, 128}}) {
    std::vector<float> cells(static_cast<std::size_t>(rows * pitch)),
        digits(static_cast<std::size_t>(rows * kPlanesAtOnce));
    for (float& cell : cells) cell = static_cast<float>(level(random)) + 0.25f;
    for (float& digit : digits) digit = static_cast<float>(bit(random));
    std::vector<float> fast(static_cast<std::size_t>(kPlanesAtOnce * columns)), plain = fast;
    column_sums(cells.data(), pitch, rows, columns, digits.data(), fast.data());
    column_sums_plainly(cells.data(), pitch, rows, columns, digits.data(), plain.data());
    EXPECT_EQ(fast, plain) << "quarters below 2^22 are exact in any order";
  }
}

TEST(Crossbar, ConverterSaturatesAtItsLargestCodeAndCountsIt) {
  std::int64_t clipped = 0;
  EXPECT_EQ(convert(31.4f, {5, 0}, clipped), 31);
  EXPECT_EQ(clipped, 0);
  EXPECT_EQ(convert(32, {5, 0}, clipped), 31);
  EXPECT_EQ(clipped, 1);
  EXPECT_EQ(convert(-3, {5, 0}, clipped), 0);
  EXPECT_EQ(convert(27, {5, 2}, clipped), 28);
  EXPECT_EQ(convert(124, {5, 2}, clipped), 124);
  EXPECT_EQ(convert(128, {5, 2}, clipped), 124);
  EXPECT_EQ(clipped, 2);
}

}  // namespace
}  // namespace sparsecim
