#pragma once

#include "hardware/components/cost.hpp"

namespace sparsecim {

/// The network between the on-chip SRAM and the macros: a bit that passes it once.
inline constexpr Cost kLink{.name = "link",
                            .unit = "bit moved",
                            .energy_fj = exactly(81),
                            .node_nm = 32,
                            .vdd_v = 0.9,
                            .source = "router, 32 nm: 0.081 pJ/bit (as used by ISAAC-type models); area not published"};

}  // namespace sparsecim
