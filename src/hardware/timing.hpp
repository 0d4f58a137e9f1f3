#pragma once

#include <span>

#include "hardware/machine.hpp"

namespace sparsecim {

Band path_ns(const Path& path, double node_nm);

/// The longest path. REQUIRES: at least one.
const Path& longest_path(std::span<const Path> paths, double node_nm);

}  // namespace sparsecim
