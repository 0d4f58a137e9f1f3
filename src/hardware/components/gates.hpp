#pragma once

#include "hardware/components/cost.hpp"

// Digital gates at 28 nm and 0.9 V. Everything is a multiple of one NAND2, as ZigZag-IMC fitted it to published digital
// compute-in-memory chips (Sun et al., arXiv 2403.14978; zigzag-imc, class ImcUnit, MIT licence): area 0.614 um2,
// capacitance 0.7 fF, delay 47.8 ps; XOR2 2.4x area and delay, 1.5x capacitance; flip-flop 6x area, 3x capacitance. A
// gate's capacitance is that of all its inputs together, and an input that changes costs its share of it times V^2; the
// output is paid by the inputs that it drives. Re-run against four chips the model errs by 0.03 to 23 % in area, 1.7 to
// 16.7 % in delay and at most 2.4 % in energy: the bands of area and delay are its largest errors either way.

namespace sparsecim {

inline constexpr double kNand2_um2 = 0.614;
inline constexpr double kNand2_ff = 0.7;
inline constexpr double kNand2_ps = 47.8;
inline constexpr double kGateVdd_v = 0.9;
inline constexpr double kNand2_fj = kNand2_ff * kGateVdd_v * kGateVdd_v;         // 0.567 fJ
inline constexpr double kXorArea = 2.4, kXorCapacitance = 1.5, kXorDelay = 2.4;  // of a NAND2
inline constexpr std::string_view kGateSource =
    "ZigZag-IMC (arXiv 2403.14978), ImcUnit: NAND2 0.614 um2, 0.7 fF, 47.8 ps at 28 nm, 0.9 V; XOR2 2.4x area and "
    "delay, 1.5x C; flip-flop 6x area, 3x C";

constexpr Band gate_area(double um2) { return {0.77 * um2, um2, 1.23 * um2}; }
constexpr Band gate_delay(double ps) { return {0.833 * ps, ps, 1.167 * ps}; }

/// 3 NAND2 + 2 XOR2. An event is as much switching as every input of every gate in it changing once: adder_tree.hpp and
/// accumulator.hpp say how many such an addition comes to, with what its inputs do on the way to their values.
inline constexpr Cost kFullAdder{
    .name = "full adder",
    .unit = "every gate input changing once",
    .energy_fj = {.low = 0.5 * (3 + 2 * kXorCapacitance) * kNand2_fj,    // one operand silent
                  .nominal = (3 + 2 * kXorCapacitance) * kNand2_fj,      // 3.40 fJ
                  .high = 1.2 * (3 + 2 * kXorCapacitance) * kNand2_fj},  // the laws of switching are within 20 %
    .area_um2 = gate_area((3 + 2 * kXorArea) * kNand2_um2),              // 4.79 um2
    .source = kGateSource};

/// The one-bit multiplier of a cell. An event is its activation input changing, whatever the weight is: the other of
/// its two inputs holds still, and a product bit that changes is paid by the adder that it enters.
inline constexpr Cost kNorMultiplier{.name = "NOR multiplier",
                                     .unit = "activation input changing",
                                     .energy_fj = exactly(0.5 * kNand2_fj),  // 0.284 fJ
                                     .area_um2 = gate_area(kNand2_um2),
                                     .source = kGateSource};

/// As any two-input gate of its size. An event is both inputs changing.
inline constexpr Cost kNand2{.name = "NAND2",
                             .unit = "both inputs changing",
                             .energy_fj = exactly(kNand2_fj),
                             .area_um2 = gate_area(kNand2_um2),
                             .source = kGateSource};

/// Logic of any kind by its area, as synthesis gives it.
inline constexpr Cost kGateEquivalent{
    .name = "gate equivalent", .unit = "area of a NAND2", .area_um2 = gate_area(kNand2_um2), .source = kGateSource};

/// Inverts a bit, or not. An event is both inputs changing.
inline constexpr Cost kXor2{.name = "XOR2",
                            .unit = "both inputs changing",
                            .energy_fj = exactly(kXorCapacitance * kNand2_fj),  // 0.85 fJ
                            .area_um2 = gate_area(kXorArea * kNand2_um2),       // 1.47 um2
                            .source = kGateSource};

/// An event is a stored bit that changes. Of the three NAND2 loads one is the clock's, which is paid in every cycle
/// that clocks the flip-flop, changing or not (kClockPin): together 1.70 fJ. High: the clock's load is not among the
/// three.
inline constexpr Cost kFlipFlop{.name = "flip-flop",
                                .unit = "stored bit changing",
                                .energy_fj = {.low = 2 * kNand2_fj, .nominal = 2 * kNand2_fj, .high = 3 * kNand2_fj},
                                .area_um2 = gate_area(6 * kNand2_um2),  // 3.68 um2
                                .source = kGateSource};

/// 2:1, one bit wide. An event is an output that changes.
inline constexpr Cost kMux2{
    .name = "2:1 multiplexer",
    .unit = "output bit changing",
    .energy_fj = {.low = kNand2_fj, .nominal = kXorCapacitance * kNand2_fj, .high = 3 * kNand2_fj},
    .area_um2 = {.low = 0.77 * 2 * kNand2_um2, .nominal = 2.33 * kNand2_um2, .high = 1.23 * 3 * kNand2_um2},
    .source =
        "area: NanGate 45 nm Open Cell Library, MUX2_X1 1.862 um2 / NAND2_X1 0.798 um2 = 2.33 NAND2; switched "
        "capacitance taken as an XOR2's; band from 2 (and-or-invert) to 3 NAND2; NAND2 as ZigZag-IMC"};

/// Delays of one step, by pin.
inline constexpr Delay kNorDelay{"NOR", gate_delay(kNand2_ps), 28, kGateSource};
inline constexpr Delay kNandDelay{"NAND2", gate_delay(kNand2_ps), 28, kGateSource};
inline constexpr Delay kSumDelay{"full adder, input to sum", gate_delay(2 * kXorDelay * kNand2_ps), 28, kGateSource};
inline constexpr Delay kCarryOutDelay{"full adder, input to carry", gate_delay((kXorDelay + 2) * kNand2_ps), 28,
                                      kGateSource};
inline constexpr Delay kCarryDelay{"full adder, carry to carry", gate_delay(2 * kNand2_ps), 28, kGateSource};
inline constexpr Delay kMuxDelay{"2:1 multiplexer", gate_delay(2 * kNand2_ps), 28,
                                 "two NAND2 in series, ZigZag-IMC's NAND2"};

}  // namespace sparsecim
