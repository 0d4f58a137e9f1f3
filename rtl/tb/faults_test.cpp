#include <fmt/format.h>
#include <gtest/gtest.h>

#include "cosimulation.hpp"
#include "faults.hpp"
#include "random_tiles.hpp"

namespace sparsecim::rtl {
namespace {

/// What the other tests do, in little: until something differs.
std::string first_mismatch(std::uint32_t fault, std::mt19937_64 random) {
  for (const RtlModel& model : faulty_models()) {
    const auto macro = model.make();
    macro->plant_fault(fault);
    Cosimulation cosimulation(model, *macro, random());
    const auto tiles = tiles_of_every_pattern(model, Values::kRandom, 4, random);
    cosimulation.run(tiles, {});
    for (int run = 0; run < 3; ++run) cosimulation.run(tiles_of_every_pattern(model, Values::kRandom, 4, random), {});
    cosimulation.run(tiles_of_every_pattern(model, Values::kLowest, 2, random), {});
    cosimulation.run(tiles, {.rows = 5, .passes = 20, .sums = 90});
    for (int reset_after = 1; reset_after < 40; ++reset_after)
      cosimulation.run(std::span(tiles).first(2), {.rows = 5}, reset_after);
    cosimulation.run(std::span(tiles).first(4), {});
    if (cosimulation.tally().mismatches() > 0) return cosimulation.tally().first_mismatch;
  }
  return {};
}

TEST(PlantedFaults, AreNotAtWorkUnlessAskedFor) { EXPECT_EQ(first_mismatch(0, std::mt19937_64(7)), ""); }

TEST(PlantedFaults, AreCaughtEveryOne) {
  std::uint32_t fault = 0, caught = 0;
  for (const char* name : kFaults) {
    const std::string mismatch = first_mismatch(++fault, std::mt19937_64(7));
    EXPECT_NE(mismatch, "") << name << " is not noticed";
    caught += !mismatch.empty();
    fmt::print("{:36} {}\n", name, mismatch);
  }
  fmt::print("{} of {} faults caught\n", caught, fault);
}

}  // namespace
}  // namespace sparsecim::rtl
