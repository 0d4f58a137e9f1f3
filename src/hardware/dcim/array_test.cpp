#include "hardware/dcim/array.hpp"

#include <gtest/gtest.h>

#include <set>

#include "hardware/pricing.hpp"
#include "hardware/timing.hpp"

namespace sparsecim {
namespace {

/// The parts that the published sums of this gate model cover.
const std::set<std::string_view> kCovered = {"cells", "multipliers", "adder trees", "accumulators", "merging"};

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
    if (!kCovered.contains(part.component)) continue;
    area_um2 += part.instances * part.cost->area_um2.nominal;
    // Everything changes every cycle, but for the merging, which works once in the eight cycles of a pass.
    energy_fj += part.instances * part.cost->energy_fj.nominal / (part.component == "merging" ? 8 : 1);
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

TEST(MacroArray, MultipliesEquallyOftenHoweverItIsPartitioned) {
  const ArrayWork work{.tile_passes = 10,
                       .column_passes = 320,
                       .multiplies = 1000,
                       .product_bit_changes = 12345,
                       .weight_ones = 0.4,
                       .activation_toggle = 0.5,
                       .input_deliveries = 1280};
  const auto multiplier_events = [&](std::int64_t sub_macros) {
    std::vector<Event> events;
    add_array_events({.sub_macros = sub_macros}, work, events);
    return events.front();
  };
  EXPECT_EQ(multiplier_events(1).component, "multipliers");
  EXPECT_EQ(multiplier_events(1).count, 12345);
  EXPECT_EQ(multiplier_events(8).count, 12345);
}

}  // namespace
}  // namespace sparsecim
