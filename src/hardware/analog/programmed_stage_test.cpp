#include "hardware/analog/programmed_stage.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "base/threads.hpp"
#include "hardware/analog/functional.hpp"

namespace sparsecim {
namespace {

using Integers = std::vector<std::int64_t>;

Integers integers_of(std::int64_t n, std::int64_t bits, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_int_distribution<std::int64_t> uniform(-(std::int64_t{1} << (bits - 1)),
                                                      (std::int64_t{1} << (bits - 1)) - 1);
  Integers values(static_cast<std::size_t>(n));
  for (std::int64_t& value : values) value = uniform(random);
  return values;
}

struct StageCase {
  ArrayStage stage;
  CellMapping mapping;
  ArraySize array;
};

std::vector<StageCase> stage_cases() {
  std::vector<StageCase> cases = {{dense_stage(70, 45), CellMapping::kLinear, {20, 24}},
                                  {dense_stage(33, 64), CellMapping::kLinear, {64, 64}}};
  for (const MonarchShape& shape :
       {monarch_of_squares(64, 25).value(), monarch_of_blocks(40, 23, 5).value(), monarch_of_blocks(12, 20, 1).value()})
    for (const ArrayStage& stage : stages_of(shape))
      for (const CellMapping mapping : {CellMapping::kSparse, CellMapping::kDenseBlocks, CellMapping::kDenseElements})
        cases.push_back({stage, mapping, {20, 24}});
  return cases;
}

/// The product with the factor, written as sums over blocks.
Integers product_of(const ArrayStage& stage, const Integers& weights, const Integers& x) {
  Integers y(static_cast<std::size_t>(stage.written()));
  for (std::int64_t block = 0; block < stage.blocks; ++block)
    for (std::int64_t output = 0; output < stage.outputs; ++output)
      for (std::int64_t input = 0; input < stage.inputs; ++input)
        y[static_cast<std::size_t>(stage.out.at(block, output))] +=
            weights[static_cast<std::size_t>(stage.weight(block, output, input))] *
            x[static_cast<std::size_t>(stage.in.at(block, input))];
  return y;
}

TEST(ProgrammedStage, ComputesTheProductExactlyInEveryMappingSliceAndPlaneWhenTheConvertersHaveBitsEnough) {
  constexpr std::int64_t kTokens = 5;
  for (const auto& [stage, mapping, array] : stage_cases())
    for (const auto& [cell_bits, plane_bits, input_bits] : {std::tuple{8, 1, 8}, {3, 2, 8}, {1, 1, 14}}) {
      const NumberFormat format{.cell_bits = cell_bits, .input_bits = input_bits, .plane_bits = plane_bits};
      const Integers weights = integers_of(stage.weights(), 8, 1);
      std::shared_ptr<const Layout> layout = Layout::make(mapping, stage, array).value();
      const auto programmed =
          ProgrammedStage::program(layout, {format, 0, {.rule = Converters::Rule::kExact}}, weights, {}, 0).value();
      const Integers inputs = integers_of(kTokens * stage.read(), input_bits, 2);
      Integers outputs(static_cast<std::size_t>(kTokens * stage.written()), 7);
      const ConversionCount count = programmed.multiply(inputs, 0, outputs);
      EXPECT_EQ(count.clipped, 0);
      EXPECT_GE(count.conversions, kTokens * stage.written() * format.planes(0) * format.slices());
      for (std::int64_t token = 0; token < kTokens; ++token)
        EXPECT_EQ(Integers(outputs.begin() + token * stage.written(), outputs.begin() + (token + 1) * stage.written()),
                  product_of(stage, weights,
                             {inputs.begin() + token * stage.read(), inputs.begin() + (token + 1) * stage.read()}));
    }
}

/// The chip executes the stream command by command and shares neither the order of summing nor the vector code.
TEST(ProgrammedStage, GivesTheNumbersAndTheClipsOfTheChipThatExecutesTheStream) {
  for (const auto& [stage, mapping, array] : stage_cases())
    for (const auto& [bits, halvings] : {std::pair{3, 0}, {5, 1}, {4, 2}, {9, 3}}) {
      AnalogPlan plan{.array = array,
                      .matrices = {},
                      .rules = {},
                      .placed = {},
                      .format = {.cell_bits = 2},
                      .converters = {.adcs = 4, .bits = bits, .halvings = halvings}};
      std::shared_ptr<const Layout> layout = Layout::make(mapping, stage, array).value();
      plan.matrices.push_back({.stages = {layout}, .phase = 0});
      plan.placed = place(plan.matrices, plan.rules);
      const Integers weights = integers_of(stage.weights(), 8, 3), inputs = integers_of(stage.read(), 8, 4);
      const std::size_t members[] = {0};
      auto chip = ProgrammedChip::program(plan, {{weights}}).value();
      const Executed executed = chip.execute(schedule(plan, members, 1), {inputs}).value();
      const auto programmed =
          ProgrammedStage::program(layout, {plan.format, 0, plan.converters}, weights, {}, 0).value();
      Integers outputs(static_cast<std::size_t>(stage.written()));
      const ConversionCount count = programmed.multiply(inputs, 0, outputs);
      EXPECT_EQ(outputs, executed.buffers[1]);
      EXPECT_EQ(count.clipped, executed.clipped);
      EXPECT_EQ(count.conversions, executed.conversions);
    }
}

TEST(ProgrammedStage, DrawsTheSameNoiseWhateverThreadsAndWhereverATokenComes) {
  const ArrayStage stage = dense_stage(40, 100);
  std::shared_ptr<const Layout> layout = Layout::make(CellMapping::kLinear, stage, {64, 64}).value();
  const CellNoise noise{.programming = 0.02, .read = 0.02};
  const Integers weights = integers_of(stage.weights(), 8, 5), inputs = integers_of(50 * stage.read(), 8, 6);
  const auto run = [&](std::uint64_t seed, int threads, std::int64_t cut) {
    const int before = thread_count();
    set_thread_count(threads);
    const auto programmed = ProgrammedStage::program(layout, {{}, 0, {.bits = 16}}, weights, noise, seed).value();
    Integers outputs(static_cast<std::size_t>(50 * stage.written()));
    const std::span<const std::int64_t> in(inputs);
    const std::span<std::int64_t> out(outputs);
    const auto at = [&](std::int64_t size) { return static_cast<std::size_t>(cut * size); };
    programmed.multiply(in.first(at(100)), 0, out.first(at(40)));
    programmed.multiply(in.subspan(at(100)), cut, out.subspan(at(40)));
    set_thread_count(before);
    return outputs;
  };
  const Integers once = run(1, 1, 50);
  EXPECT_EQ(once, run(1, 3, 50));
  EXPECT_EQ(once, run(1, 2, 17));
  EXPECT_NE(once, run(2, 1, 50));
}

TEST(ProgrammedStage, NoiseMovesSumsAsFarAsItsVarianceSays) {
  // Every weight 0, stored as 128; every input 1: one plane with sums of 64 cells of 0 .. 255.
  const ArrayStage stage = dense_stage(64, 64);
  std::shared_ptr<const Layout> layout = Layout::make(CellMapping::kLinear, stage, {64, 64}).value();
  const Integers weights(64 * 64), inputs(200 * 64, 1);
  for (const CellNoise& noise : {CellNoise{.programming = 0.03}, CellNoise{.read = 0.03}}) {
    const auto programmed = ProgrammedStage::program(layout, {{}, 0, {.bits = 16}}, weights, noise, 9).value();
    Integers outputs(200 * 64);
    programmed.multiply(inputs, 0, outputs);
    double squares = 0;
    for (const std::int64_t output : outputs) squares += static_cast<double>(output * output);
    // 64 columns are drawn once for programming, so its estimate is within 9 % of the deviation; reads all differ.
    EXPECT_NEAR(std::sqrt(squares / (200 * 64)) / (0.03 * 255 * 8), 1, noise.read > 0 ? 0.03 : 0.3);
  }
}

TEST(ProgrammedStage, RefusesWeightsThatAreNotTheStagesAndSumsThatCannotBeCounted) {
  const ArrayStage stage = dense_stage(4, 4);
  std::shared_ptr<const Layout> layout = Layout::make(CellMapping::kLinear, stage, {64, 64}).value();
  EXPECT_EQ(ProgrammedStage::program(layout, {}, Integers(15), {}, 0).error().line(), "15 weights for a factor of 16");
  EXPECT_EQ(ProgrammedStage::program(layout, {}, Integers(16, 128), {}, 0).error().line(),
            "the weight 128 does not fit 8 bits");
  std::shared_ptr<const Layout> tall = Layout::make(CellMapping::kLinear, dense_stage(1, 2000), {4096, 64}).value();
  EXPECT_TRUE(ProgrammedStage::program(tall, {{.plane_bits = 5}, 0, {}}, Integers(2000), {}, 0));
  EXPECT_EQ(
      ProgrammedStage::program(tall, {{.plane_bits = 8}, 0, {}}, Integers(2000), {}, 0).error().line(),
      "sums of up to 130050000 are more than single precision counts; take arrays of fewer rows, or fewer bits in "
      "a cell or plane");
}

TEST(NoiseSource, FillsWithNormalNumbers) {
  std::vector<float> values(1 << 20);
  NoiseSource source(4);
  source.fill(values);
  double sum = 0, squares = 0, fourths = 0, neighbours = 0;
  std::int64_t above[4] = {};
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double v = values[i];
    ASSERT_LE(std::abs(v), 5.8);
    sum += v, squares += v * v, fourths += v * v * v * v;
    neighbours += v * values[(i + 1) % values.size()];
    for (int limit = 0; limit < 4; ++limit) above[limit] += v > limit;
  }
  const auto n = static_cast<double>(values.size());
  EXPECT_NEAR(sum / n, 0, 0.005);
  EXPECT_NEAR(squares / n, 1, 0.007);
  EXPECT_NEAR(fourths / n, 3, 0.06);
  EXPECT_NEAR(neighbours / n, 0, 0.005);
  for (int limit = 0; limit < 4; ++limit)
    EXPECT_NEAR(static_cast<double>(above[limit]) / n, 0.5 * std::erfc(limit / std::sqrt(2.0)), 0.002) << limit;
  std::vector<float> more(16);
  source.fill(more);
  EXPECT_NE(more, std::vector<float>(values.begin(), values.begin() + 16)) << "goes on where it was";
}

TEST(Crossbar, AddsUpConvertedPlanesAsTheConverterGivesThem) {
  std::mt19937 random(8);
  std::uniform_real_distribution<float> uniform(-100, 70000);
  float sums[kPlanesAtOnce * kColumnsAtOnce];
  for (float& sum : sums) sum = std::floor(uniform(random)) + (random() % 2 == 0 ? 0.5f : 0.0f);
  for (const auto& [bits, shift, planes, columns, sign] :
       {std::tuple{8, 8, 8, 32, true}, {5, 11, 8, 7, false}, {16, 0, 3, 31, true}, {16, 1, 8, 32, false}}) {
    std::int64_t totals[kColumnsAtOnce] = {}, clipped = 0;
    const std::int64_t found = add_converted(sums,
                                             {.planes = planes,
                                              .columns = columns,
                                              .converter = {bits, shift},
                                              .shift = 3,
                                              .shift_per_plane = 2,
                                              .last_is_sign = sign},
                                             totals);
    for (std::int64_t c = 0; c < kColumnsAtOnce; ++c) {
      std::int64_t expected = 0;
      for (std::int64_t plane = 0; c < columns && plane < planes; ++plane) {
        const std::int64_t code = convert(sums[plane * kColumnsAtOnce + c], {bits, shift}, clipped);
        expected += (sign && plane + 1 == planes ? -code : code) * (std::int64_t{1} << (3 + 2 * plane));
      }
      EXPECT_EQ(totals[c], expected) << "column " << c;
    }
    EXPECT_EQ(found, clipped);
    EXPECT_GT(found, bits == 16 ? -1 : 0);
  }
}

}  // namespace
}  // namespace sparsecim
