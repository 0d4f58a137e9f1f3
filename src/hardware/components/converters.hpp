#pragma once

#include <cstdint>

#include "hardware/components/cost.hpp"

// Analog-to-digital converters. Published models differ by a factor of ten and more, so all are kept: the band is what
// they span.

namespace sparsecim {

inline constexpr std::int64_t kMostConverterBits = 24;  // of the converters that we price

struct ConverterFigures {
  double energy_fj = 0, area_um2 = 0;
};

/// (a) Accelergy's regression over published converters (MIT licence), from 4 bits on; below, its 4-bit figure. Natural
/// logarithms of the node in nm and of the samples per second.
ConverterFigures accelergy_converter(std::int64_t bits, double node_nm, double samples_per_s);
/// (b) ZigZag-IMC (arXiv 2403.14978), 28 nm, 0.9 V: energy (100 N + 4^N / 1000) fF V^2, area 10^(1.206 - 0.0369 N) 2^N.
ConverterFigures zigzag_converter(std::int64_t bits);
/// (c) ISAAC's, after Kull et al. (ISSCC 2013), 32 nm: 4, 5, 6 and 8 bits as given, 7 between them, more by the same
/// factor a bit, below 4 the 4-bit figure.
ConverterFigures isaac_converter(std::int64_t bits);
/// (d) NeuroSim's successive-approximation converter of 8 bits alone, by node (65 to 7 nm); energy only.
double neurosim_converter_8bit_fj(double node_nm);

/// At `node_nm`: nominal (c), low and high the least and most that any model gives.
struct ConverterBand {
  Band energy_fj, area_um2;
};
ConverterBand converter_band(std::int64_t bits, double node_nm, double samples_per_s);

inline constexpr std::string_view kConverterSource =
    "nominal: ISAAC (ISCA 2016) after Kull et al., 32 nm, 8 bits 1.667 pJ and 1200 um2; band: that, Accelergy's "
    "regression, ZigZag-IMC (arXiv 2403.14978) and, at 8 bits, NeuroSim; below 4 bits the first two hold their 4-bit "
    "figure";

}  // namespace sparsecim
