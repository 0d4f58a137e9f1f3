#include "hardware/dcim/array.hpp"

#include <gtest/gtest.h>

#include "hardware/components/clock.hpp"
#include "hardware/components/gates.hpp"
#include "hardware/pricing.hpp"
#include "hardware/timing.hpp"

namespace sparsecim {
namespace {

/// What the published sums of this gate model cover: cells, a multiplier per weight bit, trees, and an adder and a
/// register for each bit of accumulators, and the adders of merging. Not in them: the inverting of an accumulator, the
/// merged sums' register, partial-sum entries, control, lines, buffers.
bool is_covered(const Part& part) {
  if (part.component == "accumulators") return part.cost != &kXor2;
  if (part.component == "merging") return part.cost == &kFullAdder;
  return part.component == "cells" || part.component == "multipliers" || part.component == "adder trees";
}

struct PublishedArray {
  std::int64_t sub_macros;
  double area_k_um2, full_toggle_pj, clock_ns;
};

class PublishedArrays : public ::testing::TestWithParam<PublishedArray> {};

TEST_P(PublishedArrays, AreMetInAreaEnergyAndDelay) {
  const auto [sub_macros, area_k_um2, full_toggle_pj, clock_ns] = GetParam();
  const MacroArray array{.sub_macros = sub_macros};
  std::vector<Part> parts;
  array.add_parts(parts);
  double area_um2 = 0, energy_fj = 0;
  for (const Part& part : parts) {
    if (!is_covered(part)) continue;
    area_um2 += part.instances * part.cost->area_um2.nominal;
    // Everything changes once a cycle, but for the merging, which works once in the eight cycles of a pass; a register
    // is also clocked.
    const double clock_fj = part.cost == &kFlipFlop ? kClockPin.energy_fj.nominal : 0;
    energy_fj += part.instances * (part.cost->energy_fj.nominal + clock_fj) / (part.component == "merging" ? 8 : 1);
  }
  EXPECT_NEAR(area_um2 / 1000, area_k_um2, 0.05);
  EXPECT_NEAR(energy_fj / 1000, full_toggle_pj, 0.06);
  std::vector<Path> paths;
  array.add_paths(paths, {});
  EXPECT_NEAR(path_ns(longest_path(paths, 28), 28).nominal, clock_ns, 0.006);
}

INSTANTIATE_TEST_SUITE_P(GateModel, PublishedArrays,
                         ::testing::Values(PublishedArray{1, 205.7, 136.7, 3.76}, PublishedArray{2, 212.6, 138.9, 3.43},
                                           PublishedArray{4, 225.9, 143.2, 3.11},
                                           PublishedArray{8, 251.4, 151.5, 2.78}),
                         [](const auto& array) { return fmt::format("P{}", array.param.sub_macros); });

TEST(MacroArray, MergesFourSubMacrosInTheTimeThatFollowsFromTheirWidth) {
  std::vector<Path> paths;
  MacroArray{.sub_macros = 4}.add_paths(paths, {});
  ASSERT_EQ(paths.size(), 2u);
  EXPECT_NEAR(path_ns(paths[1], 28).nominal, 2.45, 0.006);
}

TEST(MacroArray, WithSharedAccumulatorsSplitsItsLongestPathBehindTheTrees) {
  const MacroArray shared{.sub_macros = 4, .accumulators = MacroArray::Accumulators::kShared};
  std::vector<Path> paths, own;
  shared.add_paths(paths, {});
  MacroArray{.sub_macros = 4}.add_paths(own, {});
  ASSERT_EQ(paths.size(), 2u);
  // A NOR, 4 sums, an input to carry and 11 carries; one sum, an input to carry and 13 carries, and the accumulator's
  // input to carry and 7 carries.
  EXPECT_NEAR(path_ns(paths[0], 28).nominal, (1 + 4 * 4.8 + 4.4 + 11 * 2) * 0.0478, 1e-6);
  EXPECT_NEAR(path_ns(paths[1], 28).nominal, (4.8 + 4.4 + 13 * 2 + 4.4 + 7 * 2) * 0.0478, 1e-6);
  EXPECT_LT(path_ns(longest_path(paths, 28), 28).nominal, path_ns(longest_path(own, 28), 28).nominal);
}

/// Parts of a component that consist of `cost`, in one macro.
double parts_of(const MacroArray& array, std::string_view component, const Cost& cost) {
  std::vector<Part> parts;
  array.add_parts(parts);
  double instances = 0;
  for (const Part& part : parts)
    if (part.component == component && part.cost == &cost) instances += part.instances;
  return instances;
}

TEST(MacroArray, SharesOneAccumulatorOfTheSumsWidthBetweenTheSubMacrosOfAColumn) {
  MacroArray array{.sub_macros = 4};
  EXPECT_EQ(array.sum_bits(), 23);
  EXPECT_EQ(parts_of(array, "accumulators", kFlipFlop), 32 * 4 * 21);
  EXPECT_EQ(parts_of(array, "partial-sum entries", kFlipFlop), 32 * 4 * 21 * 3);
  EXPECT_EQ(parts_of(array, "merging", kFlipFlop), 32 * 23);
  const double trees = parts_of(array, "adder trees", kFullAdder);
  array.accumulators = MacroArray::Accumulators::kShared;
  EXPECT_EQ(array.sum_bits(), 23);
  EXPECT_EQ(parts_of(array, "accumulators", kFlipFlop), 32 * 23);
  EXPECT_EQ(parts_of(array, "partial-sum entries", kFlipFlop), 32 * 23 * 3);
  EXPECT_EQ(parts_of(array, "merging", kFlipFlop), 32 * 4 * 13) << "what each tree gives";
  EXPECT_EQ(parts_of(array, "merging", kFullAdder), 32 * (2 * 13 + 14));
  EXPECT_EQ(parts_of(array, "adder trees", kFullAdder), trees);
  array.sub_macros = 1;
  EXPECT_EQ(parts_of(array, "merging", kFlipFlop), 0) << "there is nothing to share";
  EXPECT_EQ(array.sum_bits(), 23);
}

ArrayWork some_work() {
  return {.tile_passes = 10,
          .column_passes = 320,
          .weight_ones = 0.4,
          .plane_toggle = 0.5,
          .line_toggle = 0.5,
          .resting_planes = 0,
          .input_deliveries = 1280,
          .fed_words = 1280 * 32};
}

/// Events of a kind of part of a component.
double events_of(const MacroArray& array, const ArrayWork& work, std::string_view component, const Cost& cost) {
  std::vector<Event> events;
  add_array_events(array, work, events);
  double count = 0;
  for (const Event& event : events)
    if (event.component == component && event.cost == &cost) count += event.count;
  return count;
}

TEST(MacroArray, MultipliesEquallyOftenHoweverItIsPartitioned) {
  for (const std::int64_t sub_macros : {1, 4, 8})
    EXPECT_EQ(events_of({.sub_macros = sub_macros}, some_work(), "multipliers", kNorMultiplier),
              1280 * 32 * 8 * 8 * 0.5);
}

TEST(MacroArray, ClocksEveryAccumulatorBitInEveryPlaneButStoresOnlyThoseThatChange) {
  const MacroArray array{.sub_macros = 4};
  const double bits = 320 * 4 * 21;
  const double changed = events_of(array, some_work(), "accumulators", kFlipFlop);
  EXPECT_GT(changed, 0.3 * bits * 8);
  EXPECT_LT(changed, 0.4 * bits * 8);
  const double merged = 320 * 23, control = 10 * 8 * 64;
  EXPECT_EQ(events_of(array, some_work(), "clock", kClockPin), bits * 9 + merged + control);
}

TEST(MacroArray, PaysForTheRegisterOfMergedSumsOncePerPass) {
  EXPECT_NEAR(events_of({.sub_macros = 4}, some_work(), "merging", kFlipFlop), 320 * 23 / 2.0, 1);
  EXPECT_EQ(events_of({.sub_macros = 1}, some_work(), "merging", kFlipFlop), 0);
}

TEST(MacroArray, WithSharedAccumulatorsMergesEveryPlaneAndClocksAQuarterOfTheAccumulators) {
  const MacroArray shared{.sub_macros = 4, .accumulators = MacroArray::Accumulators::kShared}, own{.sub_macros = 4};
  EXPECT_NEAR(events_of(shared, some_work(), "merging", kFlipFlop), 320 * 8 * 4 * 13 / 2.0, 1);
  EXPECT_EQ(events_of(shared, some_work(), "clock", kClockPin), 320 * 23 * 9 + 320 * 8 * 4 * 13 + 10 * 8 * 64);
  EXPECT_GT(events_of(shared, some_work(), "merging", kFullAdder),
            6 * events_of(own, some_work(), "merging", kFullAdder) * (2 * 13 + 14) / (2 * 21 + 22));
  EXPECT_LT(events_of(shared, some_work(), "accumulators", kFullAdder),
            0.5 * events_of(own, some_work(), "accumulators", kFullAdder));
  EXPECT_EQ(events_of(shared, some_work(), "adder trees", kFullAdder),
            events_of(own, some_work(), "adder trees", kFullAdder));
}

TEST(MacroArray, SpendsNothingOnTreesInPlanesAtRest) {
  ArrayWork work = some_work();
  work.resting_planes = 1;
  work.line_toggle = 0;
  EXPECT_EQ(events_of({}, work, "adder trees", kFullAdder), 0);
  EXPECT_EQ(events_of({}, work, "multipliers", kNorMultiplier), 0);
  EXPECT_EQ(events_of({}, work, "partial-sum entries", kFlipFlop), 0);
  // As many changes in half of the planes: less, since what moves at once glitches no more than it can.
  ArrayWork half = some_work();
  half.resting_planes = 0.5;
  half.line_toggle = 0.25;
  const double all = events_of({}, some_work(), "adder trees", kFullAdder);
  EXPECT_NEAR(events_of({}, half, "adder trees", kFullAdder), all / 2, 1e-6 * all);
}

}  // namespace
}  // namespace sparsecim
