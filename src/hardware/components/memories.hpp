#pragma once

#include <array>
#include <cstdint>

#include "hardware/components/cost.hpp"

// Memories. Energies of SRAM macros are CACTI points at 28 nm and 0.8 V; Cost::vdd_v says so, and pricing brings them
// to the machine's supply (0.9 V: x 1.266 = (0.9/0.8)^2).

namespace sparsecim {

/// Leakage of a bit of SRAM, wide because no figure for the 28 nm macros below is published. A microcontroller that
/// retains 64 KiB draws 1.05 uA at 25 C and 21 uA at 85 C in all (Microchip data sheet, MCU Standby Current
/// Consumption): at most 2 and 40 pA per bit, times 0.9 V; nominal their geometric mean.
inline constexpr Band kSramLeakage_pw{.low = 1.8, .nominal = 8, .high = 36};

/// The bare 6T cell that holds one weight bit inside a compute-in-memory array; its multiplier is counted separately.
inline constexpr Cost kCimCell{.name = "6T cell",
                               .unit = "bit held",
                               .area_um2 = {.low = 0.16, .nominal = 0.16, .high = 0.25},
                               .leakage_pw = kSramLeakage_pw,
                               .scaling = Scaling::kSramCell,
                               .source =
                                   "published digital CIM cells, 28 nm: 0.16 um2 (6T) to 0.25 um2 (MNSIM); leakage "
                                   "as on-chip SRAM"};

/// Writing one 8-bit word of weights into the cells.
inline constexpr Cost kWeightWrite{.name = "weight write",
                                   .unit = "8-bit word written into cells",
                                   .energy_fj = exactly(95),
                                   .source = "CIMLoop's fit to digital CIM macros, 28 nm: 0.095 pJ per 8-bit word"};

/// A wire along the array: what one column of 8-bit words adds to it, eight 6T pitches. The gate inputs that hang on it
/// are paid by their gates: eight NOR multipliers per word, or a multiplexer before them.
inline constexpr Cost kActivationLine{
    .name = "activation line",
    .unit = "line changing, per column that it passes",
    .energy_fj = {.low = 8 * 0.35 * 0.81, .nominal = 8 * 0.35 * 0.81, .high = 2 * 8 * 0.35 * 0.81},
    .source =
        "ZigZag-IMC: 0.35 fF of bit-line per 6T cell, 28 nm, 8 cells per word; C V^2 at 0.9 V; high: twice the wire"};

/// Area of a bit of an SRAM macro. Low: its 6T cell alone, without any periphery; high: cells of 0.25 um2 instead of
/// 0.16 um2 (kCimCell) in the same periphery.
constexpr Band sram_area(double um2_per_bit) {
  return {kCimCell.area_um2.low, um2_per_bit, um2_per_bit + kCimCell.area_um2.high - kCimCell.area_um2.low};
}

/// A small SRAM macro, used as a bank: bytes, port, and what a bit of an access costs.
struct SramBank {
  std::int64_t bytes;
  std::int64_t port_bits;
  Cost read;   // per bit; carries the area of the bank's bit (bank area / bits)
  Cost write;  // per bit
};

namespace detail {
constexpr SramBank sram_bank(std::int64_t bytes, std::int64_t port_bits, double bank_um2, double read_pj,
                             double write_pj, std::string_view name, std::string_view source) {
  const Cost read{.name = name,
                  .unit = "bit read",
                  .energy_fj = exactly(1000 * read_pj / static_cast<double>(port_bits)),
                  .area_um2 = sram_area(bank_um2 / static_cast<double>(8 * bytes)),
                  .leakage_pw = kSramLeakage_pw,
                  .vdd_v = 0.8,
                  .source = source};
  Cost write = read;
  write.unit = "bit written";
  write.energy_fj = exactly(1000 * write_pj / static_cast<double>(port_bits));
  return {bytes, port_bits, read, write};
}
}  // namespace detail

inline constexpr std::array kSramBanks = {
    detail::sram_bank(256, 48, 655, 0.221, 0.328, "SRAM bank 256 B",
                      "CACTI, 28 nm, 0.8 V: 256 B, 48-bit port: 655 um2, read 0.221 pJ, write 0.328 pJ"),
    detail::sram_bank(1024, 64, 1931, 0.402, 0.855, "SRAM bank 1 KiB",
                      "CACTI, 28 nm, 0.8 V: 1 KiB, 64-bit port: 1931 um2, read 0.402 pJ, write 0.855 pJ"),
    detail::sram_bank(2048, 64, 3960, 0.564, 0.607, "SRAM bank 2 KiB",
                      "CACTI, 28 nm, 0.8 V: 2 KiB, 64-bit port: 3960 um2, read 0.564 pJ, write 0.607 pJ"),
};

/// The large on-chip SRAM for weights and activations, 256 KiB macros. Low: the 2 KiB bank's energy per bit times the
/// square root of the capacity ratio (wire length).
inline constexpr Cost kSramRead{
    .name = "on-chip SRAM",
    .unit = "bit read",
    .energy_fj = {.low = 100, .nominal = 812.5, .high = 812.5},
    .area_um2 = sram_area(245000.0 / (8 * 131072)),
    .leakage_pw = kSramLeakage_pw,
    .vdd_v = 0.8,
    .source =
        "CACTI, 28 nm, 0.8 V: 256 KiB, 512-bit port: read 416 pJ, write 378 pJ; area 128 KiB, 1024-bit port: "
        "0.245 mm2, low 0.16 um2 (a 6T cell alone), high 0.09 um2 more (a cell of 0.25 um2); energy's low: 2 KiB bank "
        "x "
        "sqrt(128); leakage 2 to 40 pA/bit: a microcontroller that retains 64 KiB "
        "draws 1.05 uA at 25 C, 21 uA at 85 C in all (Microchip data sheet, MCU Standby Current Consumption), "
        "nominal their geometric mean, at 0.9 V"};
inline constexpr Cost kSramWrite{.name = kSramRead.name,
                                 .unit = "bit written",
                                 .energy_fj = {.low = 107, .nominal = 738.3, .high = 738.3},
                                 .area_um2 = kSramRead.area_um2,
                                 .leakage_pw = kSramRead.leakage_pw,
                                 .vdd_v = 0.8,
                                 .source = kSramRead.source};

}  // namespace sparsecim
