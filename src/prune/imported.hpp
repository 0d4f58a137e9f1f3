#pragma once

#include "base/result.hpp"
#include "checkpoint/imported_masks.hpp"
#include "prune/output.hpp"
#include "sparsity/plan.hpp"

namespace sparsecim {

/// A plan that says of every matrix of `dense` the sparsest N:M with M of 2, 4, 8 or 16 that its mask holds. The notes
/// say how many weights the masks keep, which may be fewer. Errors: the masks'.
Result<Plan> plan_of_masks(Plan dense, const ImportedMasks& masks);

/// Writes the source of `output` with the weights that `masks` drop set to zero, as prune() does. Errors: the masks'; a
/// group of weights of which a mask keeps more than the plan's pattern; a plan of another model; interrupted.
Result<void> prune_by_masks(const Plan& plan, const ImportedMasks& masks, PruneOutput& output);

}  // namespace sparsecim
