#include "hardware/components/node.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "hardware/components/arithmetic.hpp"
#include "hardware/components/clock.hpp"
#include "hardware/components/dram.hpp"
#include "hardware/components/gates.hpp"
#include "hardware/components/leakage.hpp"
#include "hardware/components/links.hpp"
#include "hardware/components/memories.hpp"

namespace sparsecim {
namespace {

constexpr double kSomeNodes_nm[] = {7, 10, 12, 16, 22, 28, 32, 40, 45, 65, 90, 130};

TEST(NodeScaling, ThereAndBackChangesNothing) {
  for (const double a : kSomeNodes_nm) {
    EXPECT_DOUBLE_EQ(area_factor(a, a), 1);
    EXPECT_DOUBLE_EQ(energy_factor(a, nominal_vdd_v(a), a), 1);
    for (const double b : kSomeNodes_nm) {
      EXPECT_NEAR(area_factor(a, b) * area_factor(b, a), 1, 1e-12);
      for (const double c : kSomeNodes_nm)
        EXPECT_NEAR(area_factor(a, b) * area_factor(b, c), area_factor(a, c), 1e-9 * area_factor(a, c));
    }
  }
}

TEST(NodeScaling, GivesThePublishedAreaFactorsWithinTheirRounding) {
  // Rows of Stillmaker & Baas' table, entered here a second time. Two digits of .14 .13 .12 leave up to 7 %.
  const double nodes[] = {130, 90, 65, 45, 32, 20, 16, 14, 10, 7};
  const std::pair<double, std::array<double, 10>> rows[] = {
      {65, {4.3, 1.9, 1, .66, .31, .14, .13, .12, .068, .039}}, {45, {6.4, 2.8, 1.5, 1, .46, .21, .19, .17, .1, .059}},
      {32, {14, 6.1, 3.3, 2.2, 1, .46, .41, .38, .22, .13}},    {20, {30, 13, 7.1, 4.7, 2.2, 1, .89, .82, .48, .28}},
      {16, {34, 15, 7.9, 5.3, 2.4, 1.1, 1, .91, .54, .31}},     {7, {110, 48, 25, 17, 7.8, 3.6, 3.2, 2.9, 1.7, 1}}};
  for (const auto& [from, factors] : rows)
    for (int column = 0; column < 10; ++column)
      EXPECT_NEAR(area_factor(from, nodes[column]) / factors[static_cast<std::size_t>(column)], 1, 0.07)
          << from << " to " << nodes[column];
}

TEST(NodeScaling, InterpolatingRowsAndColumnsApartWouldNotReturnToOne) {
  // Why the factors come from one scale: at 28 nm, a third of the way from 32 to 20, the published rows give
  const double row_32 = 1 + (0.46 - 1) / 3, row_20 = 2.2 + (1 - 2.2) / 3;  // to 28 nm, from each row
  const double from_28_to_28 = row_32 + (row_20 - row_32) / 3;
  EXPECT_GT(from_28_to_28, 1.14);
  EXPECT_DOUBLE_EQ(area_factor(28, 28), 1);
}

TEST(NodeScaling, PutsTwentyEightNanometresBetweenItsNeighbours) {
  EXPECT_NEAR(area_factor(32, 28), 1 + (area_factor(32, 20) - 1) / 3, 1e-12);
  EXPECT_LT(area_factor(32, 28), 1);
  EXPECT_GT(area_factor(20, 28), 1);
  EXPECT_DOUBLE_EQ(nominal_vdd_v(28), 0.9);
  EXPECT_DOUBLE_EQ(nominal_vdd_v(45), 1.0);
  EXPECT_DOUBLE_EQ(nominal_vdd_v(7), 0.7);
}

TEST(NodeScaling, OfEnergyFollowsThePublishedPolynomials) {
  const double at_45 = 1.103 - .362 + .2767, at_7 = .1776 * .49 - .09097 * .7 + .02447;
  EXPECT_NEAR(energy_factor(45, 1.0, 7), at_7 / at_45, 1e-12);
  for (std::size_t i = 1; i < std::size(kSomeNodes_nm); ++i)
    EXPECT_GT(energy_factor(28, 0.9, kSomeNodes_nm[i]), energy_factor(28, 0.9, kSomeNodes_nm[i - 1]))
        << kSomeNodes_nm[i];
}

TEST(NodeScaling, BringsCactiFromItsSupplyToOurs) { EXPECT_NEAR(energy_factor(28, 0.8, 28), 1.266, 0.001); }

TEST(NodeScaling, LeavesDramAloneAndShrinksEverythingElse) {
  EXPECT_EQ(energy_fj_at(kDrams[0], 7), kDrams[0].energy_fj);
  EXPECT_LT(energy_fj_at(kFullAdder, 7).nominal, kFullAdder.energy_fj.nominal / 4);
  EXPECT_LT(area_um2_at(kFullAdder, 7).nominal, kFullAdder.area_um2.nominal / 4);
  EXPECT_NEAR(area_um2_at(kCimCell, 7).nominal / kCimCell.area_um2.nominal, .027 / sram_cell_um2(28), 1e-12);
  EXPECT_DOUBLE_EQ(delay_ps_at(kSumDelay, 14).nominal, kSumDelay.delay_ps.nominal / 2);
}

TEST(Leakage, OfLogicIsThePublishedDensityAtItsNode) {
  // Aladdin's own adder and multiplier must come out between the band's ends.
  const Band adder_pw = leakage_pw_at(kAdder32, 40);
  EXPECT_LT(adder_pw.low, 2.4e6);
  EXPECT_GT(adder_pw.high, 2.4e6);
  EXPECT_NEAR(adder_pw.nominal, 2.4e6, 0.3 * 2.4e6);
}

TEST(Costs, AreBandsWithASourceEach) {
  std::vector<const Cost*> costs = {&kFullAdder, &kNorMultiplier, &kFlipFlop, &kMux2,
                                    &kCimCell,   &kWeightWrite,   &kSramRead, &kSramWrite,
                                    &kLink,      &kMultiplier8,   &kAdder32,  &kActivationLine};
  for (const Cost& dram : kDrams) costs.push_back(&dram);
  for (const SramBank& bank : kSramBanks) costs.insert(costs.end(), {&bank.read, &bank.write});
  for (const Cost* cost : costs) {
    EXPECT_GT(cost->source.size(), 20u) << cost->name;
    for (const Band& band : {cost->energy_fj, cost->area_um2, cost->leakage_pw}) {
      EXPECT_LE(band.low, band.nominal) << cost->name;
      EXPECT_LE(band.nominal, band.high) << cost->name;
    }
    EXPECT_GT(cost->energy_fj.high + cost->area_um2.high, 0) << cost->name;
  }
}

TEST(Costs, OfGatesAreThePublishedOnes) {
  EXPECT_NEAR(kFullAdder.area_um2.nominal, 4.79, 0.005);
  EXPECT_NEAR(kFullAdder.energy_fj.nominal, 3.40, 0.005);
  EXPECT_NEAR(kFullAdder.energy_fj.low, 1.70, 0.005);
  EXPECT_NEAR(kNorMultiplier.energy_fj.nominal, 0.284, 0.0006);
  EXPECT_NEAR(kFlipFlop.area_um2.nominal, 3.68, 0.005);
  EXPECT_NEAR(kFlipFlop.energy_fj.nominal + kClockPin.energy_fj.nominal, 1.70, 0.005);
  EXPECT_NEAR(kSumDelay.delay_ps.nominal, 229, 0.5);
  EXPECT_NEAR(kCarryOutDelay.delay_ps.nominal, 210, 0.5);
  EXPECT_NEAR(kCarryDelay.delay_ps.nominal, 95.6, 0.05);
}

}  // namespace
}  // namespace sparsecim
