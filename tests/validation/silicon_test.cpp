// The component costs against published chips: each modelled from its structure alone, none with a factor of its own.

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "chip.hpp"

namespace sparsecim {
namespace {

const std::vector<DigitalChip>& chips() {
  static const std::vector<DigitalChip> kChips = read_chips(SPARSECIM_SILICON).value();
  return kChips;
}

const DigitalChip& chip(const std::string& id) {
  for (const DigitalChip& one : chips())
    if (one.id == id) return one;
  throw std::out_of_range(id);
}

double area_error(const DigitalChip& one) { return model(one).area_mm2.nominal / one.area_mm2 - 1; }
double clock_error(const DigitalChip& one) { return model(one).clock_ns.nominal / one.clock_ns - 1; }
double energy_error(const DigitalChip& one) { return one.tops_per_watt / model(one).tops_per_watt.nominal - 1; }

/// Published: 0.9408 mm2, 195 MHz, 36.63 TOPS/W at 50 % toggling inputs and 50 % zero weights. The path of the chip
/// goes on behind the accumulator, so we find it too fast.
TEST(Isscc22Paper15_5, IsMetInAreaAndEnergyAndIsSlowerThanItsAdders) {
  EXPECT_NEAR(area_error(chip("isscc22_15_5")), 0, 0.05);
  EXPECT_NEAR(energy_error(chip("isscc22_15_5")), 0, 0.05);
  EXPECT_NEAR(clock_error(chip("isscc22_15_5")), -0.17, 0.01);
}

/// Published: 0.030 mm2, 3.0 ns. Drivers, control and the registers at its ports are not counted, and it is small.
TEST(Isscc22Paper11_7, IsMetInClockAndSmallerThanPublished) {
  EXPECT_NEAR(clock_error(chip("isscc22_11_7")), 0, 0.07);
  EXPECT_NEAR(area_error(chip("isscc22_11_7")), -0.16, 0.02);
}

/// Published: 0.1462 mm2, 182 MHz, 19.5 TOPS/W at 50 % toggling inputs and 50 % zero weights.
TEST(Isscc23Paper7_2, IsMet) {
  EXPECT_NEAR(area_error(chip("isscc23_7_2")), 0, 0.05);
  EXPECT_NEAR(clock_error(chip("isscc23_7_2")), 0, 0.05);
  EXPECT_NEAR(energy_error(chip("isscc23_7_2")), 0, 0.05);
}

/// The mean of the errors' magnitudes over the chips that assert `figure`.
double mean_error(std::string_view figure, double (*error)(const DigitalChip&)) {
  double sum = 0;
  int count = 0;
  for (const DigitalChip& one : chips()) {
    if (!one.asserts(figure)) continue;
    sum += std::abs(error(one));
    ++count;
  }
  EXPECT_EQ(count, figure == "energy" ? 2 : 3);
  return sum / count;
}

TEST(Silicon, IsMetOnTheAverageWithinNinePerCentInAreaAndClockAndFiveInEnergy) {
  EXPECT_LE(mean_error("area", area_error), 0.09);
  EXPECT_LE(mean_error("clock", clock_error), 0.09);
  EXPECT_LE(mean_error("energy", energy_error), 0.05);
}

TEST(Silicon, LiesWithinTheBandsOfTheCostsButForTheClockBehindFloatingPoint) {
  for (const DigitalChip& one : chips()) {
    const ModelledChip modelled = model(one);
    if (one.asserts("area")) {
      EXPECT_LE(modelled.area_mm2.low, one.area_mm2) << one.id;
      EXPECT_GE(modelled.area_mm2.high, one.area_mm2) << one.id;
    }
    if (one.asserts("clock") && one.float_adders == 0) {
      EXPECT_LE(modelled.clock_ns.low, one.clock_ns) << one.id;
      EXPECT_GE(modelled.clock_ns.high, one.clock_ns) << one.id;
    }
    if (one.asserts("energy")) {
      EXPECT_LE(modelled.tops_per_watt.low, one.tops_per_watt) << one.id;
      EXPECT_GE(modelled.tops_per_watt.high, one.tops_per_watt) << one.id;
    }
  }
}

TEST(Silicon, IsRefusedWhereItsFileIsWrong) { EXPECT_FALSE(read_chips("nowhere.yaml")); }

TEST(Silicon, OfMoreZerosOrQuieterInputsTakesLessEnergy) {
  DigitalChip quiet = chip("isscc23_7_2"), sparse = quiet;
  quiet.toggle = 0.25;
  sparse.weight_sparsity = 0.75;
  const double before = model(chip("isscc23_7_2")).tops_per_watt.nominal;
  EXPECT_GT(model(quiet).tops_per_watt.nominal, 1.1 * before);
  EXPECT_GT(model(sparse).tops_per_watt.nominal, 1.1 * before);
}

}  // namespace
}  // namespace sparsecim
