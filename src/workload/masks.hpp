#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "checkpoint/checkpoint.hpp"
#include "hardware/workload.hpp"
#include "workload/model_workload.hpp"

namespace sparsecim {

/// What is known of the zeros of one matrix, or the factors that it is stored as.
struct MatrixMask {
  Pattern pattern;
  std::optional<MonarchShape> monarch;
  std::optional<MaskStatistics> counted;  // on the real weights
};
/// By whole name; a matrix that is not in it is dense and not counted.
using Masks = std::map<std::string, MatrixMask>;

/// The pattern of every matrix of the layers. Errors: a plan that lacks one of them, has another shape, or has more.
Result<Masks> masks_from_request(const ModelShapes& shapes, const SparsityRequest& sparsity);

/// Counts the real weights of every matrix of the layers, and of the head where it is asked for. Without a requested
/// pattern it is found in the zeros: the sparsest N:M with M of 2, 4, 8, 16. `notes` receives what was found or made.
Result<Masks> masks_from_checkpoint(const Checkpoint& checkpoint, const ModelShapes& shapes,
                                    const SparsityRequest& sparsity, bool head, std::vector<std::string>& notes);

}  // namespace sparsecim
