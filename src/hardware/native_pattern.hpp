#pragma once

#include <span>

#include "base/result.hpp"
#include "hardware/workload.hpp"

namespace sparsecim {

/// The most weights that a row of pattern `pattern` can keep in an aligned group of `group` inputs.
int most_kept(Pattern pattern, int group);

/// Whether every mask of the operation (its counted mask, if there is one) is legal in `native`.
bool holds(Pattern native, const Operation& operation);

/// The sparsest of `natives` that holds the operation, at equal sparsity the smallest M. Errors: none does.
Result<Pattern> native_pattern(const Operation& operation, std::span<const Pattern> natives);

}  // namespace sparsecim
