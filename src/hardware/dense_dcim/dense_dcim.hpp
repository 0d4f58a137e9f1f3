#pragma once

#include <memory>

#include "hardware/dcim/machine.hpp"

namespace sparsecim {

/// The dense digital compute-in-memory macro: unpartitioned, no multiplexers; zeros in the weights save switching, not
/// time or space.
struct DenseDcimParameters {
  MacroArray array;
  SystemParameters system;
};

const std::vector<Parameter<DenseDcimParameters>>& dense_dcim_parameters();

/// Errors: as read_parameters; sizes that contradict each other.
Result<std::unique_ptr<Machine>> make_dense_dcim(const std::string& path, const std::vector<Setting>& settings);

}  // namespace sparsecim
