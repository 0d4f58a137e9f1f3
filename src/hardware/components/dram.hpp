#pragma once

#include <array>

#include "hardware/components/cost.hpp"

// Off-chip memory, per bit, controller and interface included. It does not scale with the machine's node, and its area
// and standby power are not the chip's.

namespace sparsecim {

inline constexpr std::array kDrams = {
    Cost{.name = "lpddr4",
         .unit = "bit moved",
         .energy_fj = {.low = 8000, .nominal = 8000, .high = 11700},
         .scaling = Scaling::kOffChip,
         .source = "LPDDR4 8 pJ/bit (Accelergy DRAM table); high: ZigZag's default, 750 pJ per 64-bit access"},
    Cost{.name = "hbm2",
         .unit = "bit moved",
         .energy_fj = {.low = 4050, .nominal = 6250, .high = 6250},
         .scaling = Scaling::kOffChip,
         .source = "HBM2 6.25 pJ/bit; low: HBM3's 4.05 pJ/bit"},
    Cost{.name = "hbm3",
         .unit = "bit moved",
         .energy_fj = {.low = 4050, .nominal = 4050, .high = 6250},
         .scaling = Scaling::kOffChip,
         .source = "HBM3 4.05 pJ/bit; high: HBM2's 6.25 pJ/bit"},
    Cost{.name = "ddr3",
         .unit = "bit moved",
         .energy_fj = exactly(70000),
         .scaling = Scaling::kOffChip,
         .source = "DDR3 70 pJ/bit (Accelergy DRAM table)"},
};

}  // namespace sparsecim
