#pragma once

#include <cstdint>

#include "hardware/components/cost.hpp"

// What a crossbar of analog cells is built of beside its converters (converters.hpp).

namespace sparsecim {

inline constexpr double kIsaacNode_nm = 32;

/// A row driver: one bit of an input for the time of a read.
inline constexpr Cost kRowDriver{.name = "1-bit row driver",
                                 .unit = "row driven in one plane",
                                 .energy_fj = {.low = 3.9, .nominal = 3.9, .high = 416.7},
                                 .area_um2 = exactly(0.166),
                                 .node_nm = kIsaacNode_nm,
                                 .vdd_v = 0.9,
                                 .source =
                                     "MNSIM, after ISAAC (ISCA 2016): 1-bit DAC 3.9 uW at 1 GS/s, 0.166 um2; high: "
                                     "0.4167 pJ, derived from ISAAC with the use of its arrays counted in"};

inline constexpr Cost kSampleHold{.name = "sample and hold",
                                  .unit = "column sampled",
                                  .energy_fj = exactly(0.0097),
                                  .area_um2 = exactly(0.039),
                                  .node_nm = kIsaacNode_nm,
                                  .vdd_v = 0.9,
                                  .source =
                                      "ISAAC (ISCA 2016), table of components: 9.7 nW, taken for 1 ns; 1024 of "
                                      "them 0.00004 mm2"};

inline constexpr Cost kShiftAdd{.name = "16-bit shift-and-add",
                                .unit = "converted sum added",
                                .energy_fj = exactly(21),
                                .area_um2 = exactly(60),
                                .node_nm = kIsaacNode_nm,
                                .vdd_v = 0.9,
                                .source = "ISAAC (ISCA 2016), 32 nm: 0.021 pJ, 60 um2"};

/// Area of a resistive cell in squares of the node's length.
inline constexpr Band kCellArea_f2{.low = 1.49, .nominal = 8.63, .high = 50};
inline constexpr std::string_view kCellAreaSource =
    "low 1.49 F2: ISAAC's crossbars (ISCA 2016), 0.0002 mm2 for eight of 128 x 128 at 32 nm; high 50 F2: a "
    "phase-change cell with its transistor (Sebastian et al., arXiv 1706.00511, 90 nm); nominal: their geometric mean";

/// Conductance of cells and the voltage that they are read with: NeuRRAM (Nature 608, 2022) 250 kOhm to 1 MOhm, 0.5 V.
inline constexpr double kLowestCell_us = 1, kHighestCell_us = 4, kCellRead_v = 0.5;

}  // namespace sparsecim
