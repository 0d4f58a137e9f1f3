#include "hardware/flexcim/functional.hpp"

#include <gtest/gtest.h>

#include "hardware/flexcim/test_matrices.hpp"

namespace sparsecim {
namespace {

std::vector<std::int32_t> plain_product(std::span<const std::int8_t> weights, std::span<const std::int8_t> activations,
                                        std::int64_t n_inputs) {
  const std::int64_t outputs = std::ssize(weights) / n_inputs, tokens = std::ssize(activations) / n_inputs;
  std::vector<std::int32_t> sums;
  for (std::int64_t token = 0; token < tokens; ++token)
    for (std::int64_t output = 0; output < outputs; ++output) {
      std::int32_t sum = 0;
      for (std::int64_t i = 0; i < n_inputs; ++i)
        sum += activations[static_cast<std::size_t>(token * n_inputs + i)] *
               weights[static_cast<std::size_t>(output * n_inputs + i)];
      sums.push_back(sum);
    }
  return sums;
}

std::string describe(const FlexcimParameters& machine, Pattern pattern) {
  return fmt::format("{} rows, {} columns, P = {}{}, {}{}, k = {}, G = {}, {}", machine.array.rows,
                     machine.array.columns, machine.array.sub_macros,
                     machine.array.merges_planes() ? " that share accumulators" : "",
                     kPairSelectNames[static_cast<std::size_t>(machine.pair_select)], machine.any_n ? " any_n" : "",
                     machine.columns_per_cycle, machine.columns_per_group, pattern.name());
}

void expect_exact(const FlexcimParameters& machine, Pattern pattern, Values weight_values, Values activation_values,
                  std::mt19937_64& random) {
  SCOPED_TRACE(describe(machine, pattern));
  const FlexcimLayout layout = FlexcimLayout::of(machine, pattern);
  const auto up_to = [&](std::int64_t most) {
    return 1 + static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(most));
  };
  const std::int64_t inputs = up_to(2 * layout.inputs() + 3), outputs = up_to(2 * machine.array.columns);
  const std::int64_t tokens = up_to(3);
  const auto weights = random_matrix(layout, outputs, inputs, weight_values, random);
  const auto activations = random_values(tokens * inputs, activation_values, random);
  const auto product = multiply_by_flexcim(machine, pattern, weights, activations, inputs);
  ASSERT_TRUE(product) << product.error().line();
  EXPECT_EQ(product->outputs, plain_product(weights, activations, inputs));
  const std::int64_t tiles = divide_up(inputs, layout.inputs()) * divide_up(outputs, machine.array.columns);
  EXPECT_EQ(product->counts.tile_passes, tiles * tokens);
  EXPECT_EQ(product->counts.multiplies, tokens * (std::ssize(weights) - std::ranges::count(weights, 0)));
}

TEST(FlexcimFunction, IsTheIntegerProductForEveryPatternPartitionAndPairSelection) {
  std::mt19937_64 random(2504);
  for (const MacroArray& array : some_arrays())
    for (const FlexcimParameters& machine : all_pair_selections(array))
      for (const Pattern pattern : patterns_for(array, machine.any_n)) {
        expect_exact(machine, pattern, Values::kRandom, Values::kRandom, random);
        if (testing::Test::HasFailure()) return;
      }
}

TEST(FlexcimFunction, IsExactOnTheMostExtremeOperands) {
  std::mt19937_64 random(14364);
  const MacroArray arrays[] = {{.rows = 16, .columns = 4, .sub_macros = 1},
                               {.rows = 16, .columns = 4, .sub_macros = 4}};
  const Values extremes[] = {Values::kLowest, Values::kHighest, Values::kExtremes, Values::kSmall};
  for (const MacroArray& array : arrays)
    for (const FlexcimParameters& machine : all_pair_selections(array))
      for (const Pattern pattern : patterns_for(array, machine.any_n))
        for (const Values weights : extremes)
          for (const Values activations : extremes) expect_exact(machine, pattern, weights, activations, random);
}

/// A macro full of -128 and one pass of -128: the largest sum that there is.
struct FullMacro {
  explicit FullMacro(const MacroArray& array) : machine{.array = array} {
    weights.assign(static_cast<std::size_t>(array.words()), -128);
    inputs.assign(static_cast<std::size_t>(array.rows), -128);
  }
  /// Counts of a pass with these widths, and its sums.
  FlexcimCounts pass(const FlexcimWidths& widths, std::vector<std::int64_t>& sums) const {
    const FlexcimLayout layout = FlexcimLayout::of(machine, {});
    const auto image =
        store_tile(layout, weights, machine.array.rows, {0, machine.array.rows, 0, machine.array.columns});
    FlexcimMacro macro(machine, image.value(), widths);
    sums.resize(static_cast<std::size_t>(machine.array.columns));
    macro.pass(inputs, sums);
    return macro.counts();
  }
  FlexcimParameters machine;
  std::vector<std::int8_t> weights, inputs;
};

TEST(FlexcimWidths, HoldTheLargestSumAndAreNotABitTooWide) {
  using enum MacroArray::Accumulators;
  for (const auto& [sub_macros, accumulators] : {std::pair{1, kPerSubMacro},
                                                 {2, kPerSubMacro},
                                                 {4, kPerSubMacro},
                                                 {8, kPerSubMacro},
                                                 {1, kShared},
                                                 {2, kShared},
                                                 {8, kShared}})
    for (const std::int64_t rows : {16, 128, 1024}) {
      const FullMacro full({.rows = rows, .columns = 2, .sub_macros = sub_macros, .accumulators = accumulators});
      SCOPED_TRACE(describe(full.machine, {}));
      const FlexcimWidths widths = FlexcimWidths::of(full.machine.array);
      std::vector<std::int64_t> sums;
      const FlexcimCounts counts = full.pass(widths, sums);
      EXPECT_EQ(counts.accumulator_overflows + counts.merge_overflows, 0);
      EXPECT_EQ(sums, (std::vector<std::int64_t>{rows * 16384, rows * 16384}));

      const FlexcimCounts narrow = full.pass({widths.accumulator_bits - 1, widths.merged_bits}, sums);
      EXPECT_EQ(narrow.accumulator_overflows, 2 * full.machine.array.accumulators_of_column())
          << "once in every accumulator, in its last plane";
      EXPECT_NE(sums.front(), rows * 16384);

      if (sub_macros == 1) continue;  // nothing to merge
      const FlexcimCounts unmerged = full.pass({widths.accumulator_bits, widths.merged_bits - 1}, sums);
      EXPECT_EQ(unmerged.merge_overflows, 2) << "once in every column";
    }
}

TEST(FlexcimWidths, OfPartialSumsHold131071InputsAndAnOverflowIsRefused) {
  const FlexcimParameters machine{.array = {.rows = 4096, .columns = 1, .sub_macros = 4}};
  for (const std::int64_t inputs : {131071, 131072}) {
    const std::vector<std::int8_t> lowest(static_cast<std::size_t>(inputs), -128);
    const auto product = multiply_by_flexcim(machine, {}, lowest, lowest, inputs);
    ASSERT_EQ(product.has_value(), inputs == 131071);
    if (product)
      EXPECT_EQ(product->outputs.front(), 131071 * 16384);
    else
      EXPECT_EQ(product.error().line(), "1 sums overflow the 32-bit partial sums; fewer inputs");
  }
}

TEST(FlexcimFunction, SubtractsTheSignPlane) {
  const FlexcimParameters machine{.array = {.rows = 8, .columns = 1, .sub_macros = 4}};
  const auto times_one = [&](std::int8_t activation) {
    return multiply_by_flexcim(machine, {}, std::vector<std::int8_t>{1}, std::vector<std::int8_t>{activation}, 1)
        ->outputs.front();
  };
  for (int value = -128; value < 128; ++value) EXPECT_EQ(times_one(static_cast<std::int8_t>(value)), value);
}

TEST(FlexcimFunction, GivesTheSameWhereZeroPlanesAreHeldAndNothingSwitchesInThem) {
  std::mt19937_64 random(4);
  FlexcimParameters machine{.array = {.rows = 16, .columns = 4, .sub_macros = 4}};
  const auto weights = random_matrix(FlexcimLayout::of(machine, {2, 4}), 4, 32, Values::kRandom, random);
  std::vector<std::int8_t> activations = random_values(20 * 32, Values::kRandom, random);
  for (std::int8_t& value : activations) value &= 0x15;  // planes 7, 6, 5, 3 and 1 are zeros
  const auto passed = multiply_by_flexcim(machine, {2, 4}, weights, activations, 32).value();
  machine.array.zero_planes = MacroArray::ZeroPlanes::kHold;
  const auto held = multiply_by_flexcim(machine, {2, 4}, weights, activations, 32).value();
  EXPECT_EQ(held.outputs, plain_product(weights, activations, 32));
  EXPECT_EQ(passed.outputs, held.outputs);
  EXPECT_EQ(held.counts.zero_planes, 20 * 5);
  // Between its planes 4, 2 and 0 a bit changes half of the time, instead of going to zero and back.
  EXPECT_NEAR(static_cast<double>(held.counts.line_changes) / static_cast<double>(passed.counts.line_changes), 0.5,
              0.05);
  EXPECT_LT(held.counts.tree_input_changes.front(), passed.counts.tree_input_changes.front());
}

TEST(FlexcimFunction, LeavesInItsAccumulatorsWhatTheMergedSumConsistsOf) {
  std::mt19937_64 random(3);
  const FlexcimParameters machine{.array = {.rows = 16, .columns = 3, .sub_macros = 4}};
  const FlexcimLayout layout = FlexcimLayout::of(machine, {2, 4});
  const auto weights = random_matrix(layout, 3, layout.inputs(), Values::kRandom, random);
  FlexcimMacro macro(machine, store_tile(layout, weights, layout.inputs(), {0, layout.inputs(), 0, 3}).value(),
                     FlexcimWidths::of(machine.array));
  std::vector<std::int64_t> sums(3);
  macro.pass(random_values(layout.inputs(), Values::kRandom, random), sums);
  for (std::size_t column = 0; column < 3; ++column) {
    std::int64_t total = 0;
    for (std::size_t sub_macro = 0; sub_macro < 4; ++sub_macro) total += macro.accumulators()[column * 4 + sub_macro];
    EXPECT_EQ(total, sums[column]);
  }
}

TEST(FlexcimFunction, LeavesTheSumItselfInAnAccumulatorThatSubMacrosShare) {
  std::mt19937_64 random(3);
  const MacroArray array{.rows = 16, .columns = 3, .sub_macros = 4, .accumulators = MacroArray::Accumulators::kShared};
  const FlexcimParameters machine{.array = array};
  const FlexcimLayout layout = FlexcimLayout::of(machine, {2, 4});
  const auto weights = random_matrix(layout, 3, layout.inputs(), Values::kRandom, random);
  FlexcimMacro macro(machine, store_tile(layout, weights, layout.inputs(), {0, layout.inputs(), 0, 3}).value(),
                     FlexcimWidths::of(array));
  std::vector<std::int64_t> sums(3);
  macro.pass(random_values(layout.inputs(), Values::kRandom, random), sums);
  EXPECT_TRUE(std::ranges::equal(macro.accumulators(), sums));
}

TEST(FlexcimFunction, RefusesPatternsThatTheMacroHasNoMultiplexersOrRowsFor) {
  const std::vector<std::int8_t> zeros(16, 0);
  const auto refused = [&](const MacroArray& array, Pattern pattern) {
    const auto product = multiply_by_flexcim({.array = array}, pattern, zeros, zeros, 16);
    return product ? std::string() : product.error().line();
  };
  const MacroArray array{.rows = 16, .columns = 2, .sub_macros = 4};
  EXPECT_EQ(refused(array, {4, 8}), "");
  EXPECT_NE(refused(array, {4, 16}), "");
  EXPECT_NE(refused(array, {2, 6}), "");
  EXPECT_NE(refused({.rows = 8, .columns = 2, .sub_macros = 3}, {1, 2}), "");
  EXPECT_NE(refused({.rows = 2, .columns = 2, .sub_macros = 1}, {1, 4}), "");
}

TEST(FlexcimFunction, TakesMatricesWithoutOutputsOrTokens) {
  const FlexcimParameters machine{.array = {.rows = 8, .columns = 1, .sub_macros = 4}};
  EXPECT_TRUE(multiply_by_flexcim(machine, {2, 4}, {}, std::vector<std::int8_t>(5), 5)->outputs.empty());
  EXPECT_TRUE(multiply_by_flexcim(machine, {2, 4}, std::vector<std::int8_t>(5), {}, 5)->outputs.empty());
}

}  // namespace
}  // namespace sparsecim
