#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "model/llama.hpp"
#include "prune/calibration.hpp"
#include "prune/output.hpp"

namespace sparsecim {

/// What became of one matrix. Errors are ||W - M||_F / ||W||_F.
struct FactoredMatrix {
  std::string name;    // "model.layers.3.mlp.up_proj"
  std::string linear;  // "mlp.up_proj"
  MonarchShape shape;
  double least_error = 0;             // of any Monarch matrix, by the singular values that it must discard
  double error = 0;                   // measured on the factors as they are stored
  std::vector<double> output_errors;  // CalibratedProjection's; empty where only the weights were looked at
};
Json to_json(const FactoredMatrix& matrix);

/// A structure for every linear matrix of the decoder blocks: the form of blocks, or without a number that of squares.
/// Errors: more blocks than the narrowest side has channels, with the most that all matrices can have.
Result<std::map<std::string, MonarchShape>> monarch_shapes(const ModelConfig& config,
                                                           std::optional<std::int64_t> blocks);

/// Writes `model` to `output` with each matrix that `shapes` names projected onto its structure: nearest to the weights
/// or, with a calibration, from there to where the layer's output errs least on what the factored blocks before it
/// give. In the order of computing. Memory: as prune by SparseGPT. REQUIRES: the output was created for these shapes.
/// Errors: values that are not finite; interrupted.
Result<std::vector<FactoredMatrix>> project_model(const Llama& model, const std::map<std::string, MonarchShape>& shapes,
                                                  const Calibration* calibration, PruneOutput& output);

}  // namespace sparsecim
