#pragma once

#include "hardware/components/cost.hpp"

// Whole digital operators, for the vector unit: Aladdin's 40 nm table (Shao et al., ISCA 2014).

namespace sparsecim {

inline constexpr double kAladdinNode_nm = 40;
inline constexpr double kAladdinVdd_v = 0.9615;  // the table states no supply: between 1.0 V (45 nm) and 0.9 V (32 nm)

inline constexpr Cost kMultiplier8{.name = "8x8-bit multiplier",
                                   .unit = "product",
                                   .energy_fj = exactly(790),
                                   .area_um2 = exactly(397),
                                   .node_nm = kAladdinNode_nm,
                                   .vdd_v = kAladdinVdd_v,
                                   .source =
                                       "Aladdin, 40 nm: 32x32-bit multiplier 12.68 pJ, 6350 um2, scaled with both "
                                       "widths"};
inline constexpr Cost kAdder32{.name = "32-bit adder",
                               .unit = "sum",
                               .energy_fj = exactly(210),
                               .area_um2 = exactly(278),
                               .node_nm = kAladdinNode_nm,
                               .vdd_v = kAladdinVdd_v,
                               .source = "Aladdin, 40 nm: 32-bit adder 0.21 pJ, 278 um2"};

}  // namespace sparsecim
