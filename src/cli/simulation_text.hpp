#pragma once

#include <string>

#include "hardware/simulate.hpp"

namespace sparsecim {

/// What `simulate` prints: totals with their bands, energy and area by component, time and energy by kind of layer, in
/// lines of at most 100 columns.
std::string simulation_text(const Simulation& simulation);

}  // namespace sparsecim
