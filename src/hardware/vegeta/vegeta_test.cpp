#include "hardware/vegeta/vegeta.hpp"

#include <gtest/gtest.h>

#include <random>

#include "hardware/machine_fixture.hpp"

namespace sparsecim {
namespace {

std::int64_t cycles_of(const MachineDescription& machine, const Operation& operation) {
  return simulated(machine, operation).cycles;
}

/// When the last sum leaves one engine that holds one tile: every token goes down the units and across the elements.
std::int64_t walked_cycles(const SystolicArray& array, std::int64_t tokens, std::int64_t inputs,
                           std::int64_t port_bits) {
  std::int64_t fetched = 0, last = 0;
  const std::int64_t loaded = array.unit_rows();  // a row of weights a cycle, while the first token is fetched
  for (std::int64_t token = 0; token < tokens; ++token) {
    for (std::int64_t bits = 0; bits < inputs * 8; bits += port_bits) ++fetched;
    fetched = std::max(fetched, loaded);
    for (std::int64_t column = 0; column < array.columns; column += array.columns_per_element) {
      const std::int64_t enters = fetched + column / array.columns_per_element;
      const std::int64_t multiplied = enters + 1;
      last = std::max(last, multiplied + array.unit_rows());
    }
  }
  return last;
}

TEST(Vegeta, TakesTheCyclesOfAWalkOverItsUnits) {
  for (const std::int64_t port : {64, 512, 1024})
    for (const std::int64_t tokens : {1, 16, 100})
      for (const auto& [pattern, inputs] : {std::pair{Pattern{}, 32}, {Pattern{2, 4}, 64}, {Pattern{1, 4}, 128}}) {
        const auto machine =
            machine_with("vegeta", {{"bits_per_cycle: 1024", fmt::format("bits_per_cycle: {}", port)}});
        EXPECT_EQ(cycles_of(machine, matrix(pattern, tokens, inputs, 16)), walked_cycles({}, tokens, inputs, port))
            << pattern.name() << ", " << tokens << " tokens, port of " << port;
      }
}

TEST(Vegeta, ReloadsBehindATileOfAtLeastAsManyTokensAsItHasUnitRowsAndNotFewer) {
  const auto machine = machine_with("vegeta", {{"macros: 64", "macros: 1"}});
  const auto third_tile = [&](std::int64_t tokens) {
    return cycles_of(machine, matrix({}, tokens, 96, 16)) - cycles_of(machine, matrix({}, tokens, 64, 16));
  };
  EXPECT_EQ(third_tile(17), 17);
  EXPECT_EQ(third_tile(16), 16);
  EXPECT_EQ(third_tile(15), 16);
  EXPECT_EQ(third_tile(1), 16);
}

TEST(Vegeta, HasAsManyMultiplicationsPerCycleAsTheMacros) {
  for (const Pattern pattern : {Pattern{}, Pattern{2, 4}}) {
    const double ours = static_cast<double>(cycles_of(machine_with("flexcim"), matrix(pattern, 512, 4096, 4096)));
    const double theirs = static_cast<double>(cycles_of(machine_with("vegeta"), matrix(pattern, 512, 4096, 4096)));
    EXPECT_NEAR(theirs / ours, 1, 0.002) << pattern.name();
  }
}

TEST(Vegeta, RunsTheSparsestOfItsThreePatternsThatHoldsTheMask) {
  const auto machine = machine_with("vegeta");
  const std::pair<Pattern, Pattern> expected[] = {{{}, {}},         {{1, 2}, {2, 4}}, {{2, 4}, {2, 4}},
                                                  {{1, 4}, {1, 4}}, {{4, 8}, {}},     {{2, 8}, {2, 4}},
                                                  {{1, 8}, {1, 4}}, {{3, 8}, {}},     {{1, 16}, {1, 4}}};
  for (const auto& [mask, native] : expected)
    EXPECT_EQ(simulated(machine, matrix(mask)).operations.front().runs_as, native) << mask.name();
}

// Published (arXiv 2302.08687, abstract): 1.09x, 2.20x and 3.74x over a dense engine at 4:4, 2:4 and 1:4, so 2.02x and
// 3.43x over VEGETA's own dense speed. Ours stands within 2 % at 2:4. At 1:4 we give 4: a port of 1024 bits brings a
// token of 128 inputs every cycle, and a tile waits for nothing, where the paper's processor also loads and stores tile
// registers, four times as many for the inputs of a 1:4 tile. The 1.09x is of its pipeline against another engine's.
TEST(Vegeta, IsAsMuchFasterThanDenseAsPublishedWherePortsAreNotTheLimit) {
  const auto machine = machine_with("vegeta");
  const auto speedup = [&](Pattern pattern) {
    const auto dense = static_cast<double>(cycles_of(machine, matrix({}, 512, 4096, 4096)));
    return dense / static_cast<double>(cycles_of(machine, matrix(pattern, 512, 4096, 4096)));
  };
  EXPECT_NEAR(speedup({2, 4}), 2.20 / 1.09, 0.02 * 2.20 / 1.09);
  EXPECT_NEAR(speedup({1, 4}), 4, 0.02 * 4);
  EXPECT_GT(speedup({1, 4}), 1.15 * 3.74 / 1.09);
  const auto narrow = machine_with("vegeta", {{"bits_per_cycle: 1024", "bits_per_cycle: 512"}});
  const Operation half = matrix({2, 4}, 512, 4096, 4096), quarter = matrix({1, 4}, 512, 4096, 4096);
  EXPECT_NEAR(static_cast<double>(cycles_of(narrow, half)) / static_cast<double>(cycles_of(narrow, quarter)), 1, 0.01)
      << "at 512 bits a cycle, inputs of 1:4 come no faster than those of 2:4";
}

/// A mask that keeps every weight with probability `kept`, and what it comes to by the definition.
struct RandomMask {
  Operation operation;
  double columns = 0;  // of 32 multipliers, that rows take for 64 inputs
};

RandomMask random_mask(double kept, std::int64_t inputs, std::int64_t outputs) {
  std::mt19937_64 random(95);
  std::bernoulli_distribution keep(kept);
  std::vector<float> weights(static_cast<std::size_t>(inputs * outputs));
  for (float& weight : weights) weight = keep(random) ? 1.0f : 0.0f;
  RandomMask mask{.operation = matrix({}, 512, inputs, outputs)};
  for (std::int64_t output = 0; output < outputs; ++output)
    for (std::int64_t part = 0; part < inputs; part += 64) {
      float fullest = 0;
      for (std::int64_t group = part; group < std::min(part + 64, inputs); group += 4) {
        float sum = 0;
        for (std::int64_t i = group; i < std::min(group + 4, inputs); ++i)
          sum += weights[static_cast<std::size_t>(output * inputs + i)];
        fullest = std::max(fullest, sum);
      }
      mask.columns += fullest <= 1 ? 0.5 : fullest <= 2 ? 1 : 2;
    }
  mask.operation.weights = mask_statistics(weights, inputs);
  return mask;
}

TEST(Vegeta, RunsRowsOfATileAtPatternsOfTheirOwn) {
  for (const std::int64_t inputs : {1024, 1000}) {
    const RandomMask mask = random_mask(0.05, inputs, 1024);
    const SimulatedOperation by_rows = simulated(machine_with("vegeta"), mask.operation).operations.front();
    const double input_tiles = std::ceil(static_cast<double>(inputs) / 64);
    EXPECT_TRUE(by_rows.by_rows);
    EXPECT_EQ(by_rows.tiles, input_tiles * std::ceil(std::ceil(mask.columns / input_tiles) / 16));
    const auto by_layer = machine_with("vegeta", {{"granularity: row", "granularity: layer"}});
    EXPECT_EQ(simulated(by_layer, mask.operation).operations.front().runs_as, Pattern{});
    EXPECT_FALSE(simulated(by_layer, mask.operation).operations.front().by_rows);
  }
  EXPECT_FALSE(simulated(machine_with("vegeta"), random_mask(0.9, 1024, 1024).operation).operations.front().by_rows)
      << "rows that are all dense gain nothing";
}

// Published (arXiv 2302.08687, abstract): 3.28x for unstructured layers of 95 % zeros and 1.09x for dense ones,
// so 3.01x over its own dense speed. Packing alone gives 3.29x; what the paper's processor loses beside it is what it
// loses at 1:4 (4x becomes 3.43x), and 3.29 * 3.43 / 4 = 2.82 stands 6 % off.
TEST(Vegeta, GainsOnUnstructuredZerosWhatRowsAtTheirOwnPatternsGive) {
  const RandomMask mask = random_mask(0.05, 4096, 4096);
  const auto machine = machine_with("vegeta");
  const auto dense = static_cast<double>(cycles_of(machine, matrix({}, 512, 4096, 4096)));
  const double speedup = dense / static_cast<double>(cycles_of(machine, mask.operation));
  EXPECT_NEAR(speedup, 3.29, 0.07);
  EXPECT_NEAR(speedup * (3.74 / 1.09) / 4, 3.28 / 1.09, 0.08 * 3.28 / 1.09);
}

TEST(Vegeta, SpendsLessOnFewerNonZeroWeights) {
  const auto machine = machine_with("vegeta");
  Operation half = matrix({});
  half.weights = MaskStatistics{.nonzero = 1024 * 768 / 2, .one_bits = 1024 * 768 * 2};
  EXPECT_LT(energy_of(simulated(machine, half), "multipliers"),
            0.75 * energy_of(simulated(machine, matrix({})), "multipliers"));
}

TEST(Vegeta, RefusesSizesThatContradictEachOther) {
  const std::pair<Changes, const char*> cases[] = {
      {{{"rows: 32", "rows: 24"}}, "24 rows do not divide into blocks of 4"},
      {{{"per_unit: 2", "per_unit: 64"}}, "64 does not divide 32 rows"},
      {{{"per_unit: 2", "per_unit: 3"}}, "3 does not divide 32 rows"},
      {{{"per_element: 2", "per_element: 17"}}, "more than engine.columns 16"},
      {{{"2:4, 1:4", "2:8"}}, "2:8 does not fit blocks of 4"},
      {{{"rows: 32", "rows: 64"}}, "granularity: rows of a tile are counted in parts of 64 inputs"},
      {{{"2:4, 1:4", "3:4"}}, "3:4 does not fit blocks of 4"},
      {{{"weight_bits: 8", "weight_bits: 4"}}, "allowed: 8 .. 8"}};
  for (const auto& [changes, expected] : cases) {
    const auto machine =
        make_vegeta("mine.yaml", parse_settings("mine.yaml", shipped_description("vegeta", changes)).value());
    ASSERT_FALSE(machine) << expected;
    EXPECT_NE(machine.error().line().find(expected), std::string::npos) << machine.error().line();
  }
}

}  // namespace
}  // namespace sparsecim
