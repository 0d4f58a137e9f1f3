// What the closed form says happens against what happens bit by bit, for the same weights and activations.

#include <gtest/gtest.h>

#include <bit>

#include "hardware/activity.hpp"
#include "hardware/components/gates.hpp"
#include "hardware/components/memories.hpp"
#include "hardware/flexcim/functional.hpp"
#include "hardware/flexcim/test_matrices.hpp"
#include "hardware/machine_fixture.hpp"

namespace sparsecim {
namespace {

constexpr std::int64_t kTokens = 8, kOutputs = 32;
constexpr std::int64_t kFullTiles = 1024;  // inputs: tiles of every pattern are full

/// Activations as a layer norm leaves them and a quantiser by token rounds them: normal, the largest of a row 127.
std::vector<std::int8_t> normal_activations(std::int64_t tokens, std::int64_t inputs, std::mt19937_64& random) {
  std::normal_distribution<double> normal(0, 32);
  std::vector<std::int8_t> values(static_cast<std::size_t>(tokens * inputs));
  for (std::int8_t& value : values)
    value = static_cast<std::int8_t>(std::clamp(std::lround(normal(random)), -127L, 127L));
  return values;
}

MaskStatistics statistics_of(std::span<const std::int8_t> weights, Pattern pattern) {
  MaskStatistics statistics;
  for (const std::int8_t weight : weights) {
    statistics.nonzero += weight != 0;
    statistics.one_bits += std::popcount(static_cast<std::uint8_t>(weight));
  }
  for (std::size_t i = 0; i < statistics.most_kept.size(); ++i) {
    const int m = MaskStatistics::kGroupSizes[i];
    if (!pattern.dense()) statistics.most_kept[i] = std::min(m, m < pattern.m ? pattern.n : m / pattern.m * pattern.n);
  }
  return statistics;
}

/// One matrix by both models, on the shipped macro (128 x 32, P = 4) with its pair selection exchanged.
struct Both {
  FlexcimCounts counts;
  Mapping mapping;
  Run run;

  double events(std::string_view component, const Cost& cost) const {
    double count = 0;
    for (const Event& event : run.operations.front().events)
      if (event.component == component && event.cost == &cost) count += event.count;
    return count;
  }
};

Both both_of(Pattern pattern, PairSelectKind kind = PairSelectKind::kBitserialPerCell, std::int64_t k = 1,
             std::int64_t group = 32, std::int64_t inputs = kFullTiles,
             MacroArray::ZeroPlanes zero_planes = MacroArray::ZeroPlanes::kPass) {
  std::mt19937_64 random(7);
  const FlexcimParameters machine{.array = {.sub_macros = 4, .zero_planes = zero_planes},
                                  .pair_select = kind,
                                  .columns_per_cycle = k,
                                  .columns_per_group = group};
  const FlexcimLayout layout = FlexcimLayout::of(machine, pattern);
  const auto weights = random_matrix(layout, kOutputs, inputs, Values::kRandom, random);
  const auto activations = normal_activations(kTokens, inputs, random);
  Operation operation{.name = "up", .n_tokens = kTokens, .n_inputs = inputs, .n_outputs = kOutputs, .pattern = pattern};
  operation.activity = activity_of(activations, inputs);
  if (!layout.shares_pairs()) operation.weights = statistics_of(weights, pattern);
  const auto closed = machine_with(
      "flexcim",
      {{"pair_select: bitserial_per_cell", fmt::format("columns_per_cycle: {}\ncolumns_per_group: {}\npair_select: {}",
                                                       k, group, kPairSelectNames[static_cast<std::size_t>(kind)])},
       {"partial_sum_entries: 3", fmt::format("partial_sum_entries: 3, zero_planes: {}",
                                              zero_planes == MacroArray::ZeroPlanes::kHold ? "hold" : "pass")}});
  const Workload workload = workload_of(operation);
  Both both{.counts = multiply_by_flexcim(machine, pattern, weights, activations, inputs).value().counts,
            .mapping = closed.machine->map(workload).value()};
  both.run = closed.machine->run(workload, both.mapping, Fidelity::kClosedForm);
  EXPECT_EQ(both.mapping.placements.front().pattern, pattern);
  return both;
}

const std::vector<Pattern> kPatterns = {{}, {1, 2}, {4, 8}, {2, 8}, {1, 8}};
constexpr PairSelectKind kBitserial = PairSelectKind::kBitserialPerCell, kPipelined = PairSelectKind::kColumnPipelined,
                         kPerColumn = PairSelectKind::kPerColumn, kShared = PairSelectKind::kSharedPairs,
                         kPerGroup = PairSelectKind::kBitserialPerGroup;

double ratio(double closed, std::int64_t counted) { return closed / static_cast<double>(counted); }

double line_ratio(const Both& both) {
  return ratio(both.events("activation lines", kActivationLine), both.counts.line_changes);
}

TEST(FlexcimEvents, PassesAndStoredBitsAreTheClosedForms) {
  for (const Pattern pattern : kPatterns)
    for (const PairSelectKind kind : {kBitserial, kPipelined}) {
      const Both both = both_of(pattern, kind, 1, 32, 520);
      const Placement& placement = both.mapping.placements.front();
      EXPECT_EQ(both.counts.tile_passes, placement.tiles() * kTokens) << pattern.name();
      EXPECT_EQ(both.counts.stored_bits, placement.stored_bits) << pattern.name();
    }
  for (const std::int64_t group : {32, 8}) {
    const Both shared = both_of({2, 8}, kShared, 1, group, 520);
    EXPECT_EQ(shared.counts.stored_bits, 130 * (kOutputs * (8 + 1) + 32 / group * 2)) << "the pair once a group";
    EXPECT_EQ(shared.mapping.placements.front().stored_bits, shared.counts.stored_bits);
  }
}

TEST(FlexcimEvents, OfBitSerialLinesAreTheClosedFormsOneByOne) {
  for (const Pattern pattern : kPatterns)
    for (const std::int64_t inputs : {kFullTiles, std::int64_t{520}})
      EXPECT_NEAR(line_ratio(both_of(pattern, kBitserial, 1, 32, inputs)), 1, 1e-9) << pattern.name();
  // Which planes a tile holds still follows from the zero planes of groups of 128 inputs, not from the tile's own.
  for (const Pattern pattern : kPatterns)
    EXPECT_NEAR(line_ratio(both_of(pattern, kBitserial, 1, 32, 520, MacroArray::ZeroPlanes::kHold)), 1, 0.01);
}

TEST(FlexcimEvents, OfMultipliersAreTheClosedFormsExactlyInTheDenseModeAndWithinThreePerCentOtherwise) {
  for (const Pattern pattern : kPatterns) {
    const Both both = both_of(pattern);
    // Each of a word's eight multipliers sees the cell's bit change. Which inputs a mask picks is chance.
    const double of_closed_form = ratio(both.events("multipliers", kNorMultiplier), 8 * both.counts.cell_bit_changes);
    EXPECT_NEAR(of_closed_form, 1, pattern.dense() ? 1e-9 : 0.03) << pattern.name();
  }
}

TEST(FlexcimEvents, OfAdderTreesAreThoseThatGlitchesAddToTheSettledChanges) {
  // The closed form follows a simulation with gate delays; here every adder changes at once, to its settled value.
  for (const Pattern pattern : kPatterns) {
    const Both both = both_of(pattern);
    double settled = 0;
    for (const std::int64_t changes : both.counts.tree_input_changes) settled += static_cast<double>(changes) / 3;
    const double glitches = both.events("adder trees", kFullAdder) / settled;
    EXPECT_GT(glitches, 1.3) << pattern.name();
    EXPECT_LT(glitches, 1.7) << pattern.name();
  }
}

TEST(FlexcimEvents, OfAccumulatorRegistersAreTheClosedFormsWithinTwelvePerCent) {
  const auto register_ratio = [](const Both& both) {
    return ratio(both.events("accumulators", kFlipFlop), both.counts.accumulator_bit_changes);
  };
  for (const Pattern pattern : kPatterns) EXPECT_NEAR(register_ratio(both_of(pattern)), 1, 0.12) << pattern.name();
  // Half of the tiles hold 8 inputs of 512, and their accumulators hardly change.
  EXPECT_NEAR(register_ratio(both_of({2, 8}, kBitserial, 1, 32, 520)), 1, 0.12);
}

TEST(FlexcimEvents, OfLinesThatCarryTheWordsOfInputsAreTheClosedFormsOneByOne) {
  for (const Pattern pattern : {Pattern{}, Pattern{1, 2}})
    for (const std::int64_t inputs : {kFullTiles, std::int64_t{520}}) {
      EXPECT_NEAR(line_ratio(both_of(pattern, kPipelined, 1, 32, inputs)), 1, 1e-9) << pattern.name();
      EXPECT_NEAR(line_ratio(both_of(pattern, kPerColumn, 1, 32, inputs)), 1, 1e-9) << pattern.name();
    }
  for (const Pattern pattern : kPatterns) EXPECT_NEAR(line_ratio(both_of(pattern, kPerColumn)), 1, 1e-9);
}

TEST(FlexcimEvents, OfLinesThatCarryChosenPairsAreTheClosedFormsWithinTwoPerCent) {
  // Where columns choose by themselves, how many choose what the one before did is chance: one in four at 1:8, more
  // where a block's first slots mostly hold its first pairs. Of those of a group, what they choose.
  for (const Pattern pattern : {Pattern{2, 4}, {4, 8}, {2, 8}, {1, 8}})
    for (const std::int64_t k : {1, 4, 32})
      EXPECT_NEAR(line_ratio(both_of(pattern, kPipelined, k)), 1, 0.02) << pattern.name() << ", k = " << k;
  for (const auto& [k, group] : {std::pair<std::int64_t, std::int64_t>{1, 32}, {4, 8}, {1, 8}, {2, 4}})
    EXPECT_NEAR(line_ratio(both_of({2, 8}, kShared, k, group)), 1, 0.02) << "k = " << k << ", G = " << group;
}

TEST(FlexcimEvents, OfPlanesThatGroupsPickFromAreTheClosedFormsOneByOneUpToThePairs) {
  for (const std::int64_t inputs : {kFullTiles, std::int64_t{520}})
    EXPECT_NEAR(line_ratio(both_of({}, kPerGroup, 1, 1, inputs)), 1, 1e-9) << "as bitserial_per_cell";
  for (const Pattern pattern : {Pattern{2, 4}, {4, 8}, {2, 8}, {1, 8}})
    for (const std::int64_t group : {32, 8, 2})
      EXPECT_NEAR(line_ratio(both_of(pattern, kPerGroup, 1, group)), 1, 0.02) << pattern.name() << ", G = " << group;
  EXPECT_LT(both_of({2, 8}, kPerGroup, 1, 32).counts.line_changes, both_of({2, 8}).counts.line_changes / 3);
}

TEST(FlexcimEvents, NeverMakeDenseAndSparseWeightsCostTheSame) {
  const Both dense = both_of({}), sparse = both_of({2, 4});
  EXPECT_LT(sparse.counts.multiplies, 0.6 * static_cast<double>(dense.counts.multiplies));
  EXPECT_LT(sparse.counts.product_bit_changes, 0.6 * static_cast<double>(dense.counts.product_bit_changes));
  EXPECT_LT(sparse.counts.tree_input_changes.front(),
            0.8 * static_cast<double>(dense.counts.tree_input_changes.front()));
}

}  // namespace
}  // namespace sparsecim
