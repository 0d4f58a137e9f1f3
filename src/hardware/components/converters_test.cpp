#include "hardware/components/converters.hpp"

#include <gtest/gtest.h>

namespace sparsecim {
namespace {

TEST(Converters, AccelergysRegressionGivesItsPublishedFigures) {
  // 32 nm, 100 MS/s.
  EXPECT_NEAR(accelergy_converter(4, 32, 1e8).energy_fj, 924, 5);
  EXPECT_NEAR(accelergy_converter(5, 32, 1e8).energy_fj, 936, 5);
  EXPECT_NEAR(accelergy_converter(6, 32, 1e8).energy_fj, 1070, 6);
  EXPECT_NEAR(accelergy_converter(8, 32, 1e8).energy_fj, 1710, 9);
  EXPECT_EQ(accelergy_converter(2, 32, 1e8).energy_fj, accelergy_converter(4, 32, 1e8).energy_fj);
}

TEST(Converters, ZigzagsFormulaGivesItsPublishedFigures) {
  for (const auto& [bits, energy_fj, area_um2] :
       {std::tuple{2, 162, 54}, {3, 243, 100}, {4, 324, 183}, {5, 406, 336}, {6, 489, 618}, {8, 701, 2085}}) {
    EXPECT_NEAR(zigzag_converter(bits).energy_fj, energy_fj, 1);
    EXPECT_NEAR(zigzag_converter(bits).area_um2, area_um2, 2);
  }
}

TEST(Converters, BandHoldsEveryModelAndItsNominalFigureIsIsaacs) {
  for (std::int64_t bits = 1; bits <= 12; ++bits) {
    const ConverterBand band = converter_band(bits, 32, 1e9);
    for (const Band& b : {band.energy_fj, band.area_um2}) {
      EXPECT_LE(b.low, b.nominal);
      EXPECT_LE(b.nominal, b.high);
    }
    EXPECT_NEAR(band.energy_fj.nominal, isaac_converter(bits).energy_fj, 1e-9);
    EXPECT_LE(isaac_converter(bits).energy_fj, isaac_converter(bits + 1).energy_fj);
  }
  EXPECT_NEAR(converter_band(8, 22, 1e8).energy_fj.low, 78, 1e-9) << "NeuroSim's, 22 nm";
}

}  // namespace
}  // namespace sparsecim
