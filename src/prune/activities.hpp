#pragma once

#include "base/result.hpp"
#include "model/llama.hpp"
#include "prune/calibration.hpp"
#include "workload/activities.hpp"

namespace sparsecim {

/// Tokens that switching activity is measured on. Of SmolLM2-135M, dense and 4:8, four times as many change the share
/// of changing bits by less than 1 % and the energy by 0.1 %.
inline constexpr std::int64_t kActivityTokens = 512;

/// How the 8-bit inputs of every linear matrix and of the head change on a macro's lines, by the matrix's name, over
/// the first batches of `calibration`, kActivityTokens or a little more. Activations are rounded by token as `eval
/// --arithmetic int8` does. Errors: the model's; values that are not finite; interrupted.
Result<Activities> measure_activities(const Llama& model, const Calibration& calibration);

}  // namespace sparsecim
