#pragma once

#include "hardware/components/gates.hpp"

namespace sparsecim {

/// The clock at one flip-flop: its pin and its share of the tree. An event is a clock cycle of a flip-flop that is not
/// gated. No published macro states it apart, hence the band: half a NAND2 input (pin only) to two (pin and tree).
inline constexpr Cost kClockPin{
    .name = "clock",
    .unit = "flip-flop clocked once",
    .energy_fj = {.low = 0.5 * kNand2_fj, .nominal = kNand2_fj, .high = 2 * kNand2_fj},
    .source = "one NAND2 load (ZigZag-IMC: 0.7 fF) of the flip-flop's three, charged once a cycle; band 0.5x to 2x"};

}  // namespace sparsecim
