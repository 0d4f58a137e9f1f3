#pragma once

#include "hardware/components/cost.hpp"

namespace sparsecim {

/// Leakage of logic per area, at 40 nm: the 32-bit adder leaks 2.4 uW on 278 um2, the 32x32-bit multiplier 80 uW on
/// 6350 um2, that is 8.6 and 12.6 nW/um2. Libraries differ by a factor of three either way.
inline constexpr Band kLogicLeakage_nw_per_um2{.low = 10.6 / 3, .nominal = 10.6, .high = 10.6 * 3};
inline constexpr double kLogicLeakageNode_nm = 40;
inline constexpr std::string_view kLogicLeakageSource =
    "Aladdin's 40 nm table: adder 2.4 uW / 278 um2, multiplier 80 uW / 6350 um2; band x3 either way";

}  // namespace sparsecim
