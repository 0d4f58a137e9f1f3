#pragma once

#include <span>
#include <vector>

#include "base/result.hpp"
#include "model/llama.hpp"
#include "prune/calibration.hpp"
#include "sparsity/select.hpp"

namespace sparsecim {

/// select_by_statistics; by loss, where the request leaves its caution open, the plans of several cautions and of them
/// the one whose model is nearest to the dense one. They are compared on calibration tokens that losses were not
/// measured on, four times as many, as far as there are. Errors: select_by_statistics's, the checkpoint's, interrupted.
Result<Plan> select_measured(const Llama& model, const Calibration& calibration, const Statistics& statistics,
                             const SelectionRequest& request);

/// By how much each plan's model differs from the dense one on `batches` (token ids, [samples, tokens]): mean over the
/// tokens of the Kullback-Leibler divergence of the next token's distribution, in nats. All matrices are pruned at
/// once, by the column norms of `statistics`. Of several `processes` each tries some of the plans; null: there is one.
/// REQUIRES: plans and statistics of the model's matrices. Errors: the checkpoint's, the other processes', values that
/// are not finite, interrupted.
Result<std::vector<double>> divergences(const Llama& model, const std::vector<at::Tensor>& batches,
                                        const Statistics& statistics, std::span<const Plan> plans,
                                        Processes* processes = nullptr);

}  // namespace sparsecim
