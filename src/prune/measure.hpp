#pragma once

#include "base/result.hpp"
#include "model/llama.hpp"
#include "prune/calibration.hpp"
#include "sparsity/plan.hpp"
#include "sparsity/statistics.hpp"

namespace sparsecim {

/// A plan that prunes nothing: the linear matrices of the decoder blocks, and how many weights lie elsewhere.
Plan dense_plan_of(const ModelConfig& config);

/// What selection wants to know of the dense model, in one pass over the calibration tokens: the mean square of every
/// input column, and from it what `scope` names: the outliers at its thresholds, and what its patterns drop. Memory:
/// one block and the hidden states of the calibration tokens. The provenance is left to the caller. Errors: values that
/// are not finite; the checkpoint's files; interrupted.
Result<Statistics> measure_statistics(const Llama& model, const Checkpoint& checkpoint, const Calibration& calibration,
                                      const StatisticsScope& scope);

}  // namespace sparsecim
