#pragma once

#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "sparsity/pattern.hpp"
#include "sparsity/plan.hpp"
#include "sparsity/statistics.hpp"

namespace sparsecim {

/// How ND becomes ND' in 0 .. 1: stretched over the layers as the authors of FLOW do, or held against chance, which
/// is 1.
enum class Distribution { kMinMax, kChance };
/// What a layer weighs in the budget: its weights, or the same as any other.
enum class Budget { kWeights, kLayers };

/// What is asked of a selection. Sparsity is over the matrices that are planned: those of the decoder blocks.
struct SelectionRequest {
  double sparsity = 0.5;
  std::vector<Pattern> options{default_patterns().begin(), default_patterns().end()};
  Granularity granularity = Granularity::kBlock;
  Distribution distribution = Distribution::kMinMax;
  Budget budget = Budget::kWeights;
  double alpha = 1, beta = 4;  // weights of the two rules (the authors' published code)
};

/// The same pattern everywhere: that of the options whose 1 - N/M is the sparsity asked for; of several the one of
/// largest M, which never keeps less of the total score. `model` is a plan whose patterns are overwritten: matrices and
/// other weights. Errors: no option of that sparsity, with the nearest ones.
Result<Plan> select_uniform(Plan model, const SelectionRequest& request);

/// FLOW (arXiv 2504.14365): N grows with the share of outliers, M with how clustered they are. Every layer l takes one
/// pattern n:m (dense is 8:8) such that
///     sum over l of alpha * |n - O'_l * 8| + beta * |m - (1 - ND'_l) * 8|
/// is least among the plans of the smallest reachable sparsity that is at least the one asked for. Zeros are counted as
/// the masks make them, shorter last groups included. O' is O min-max over the layers, ND' as `distribution` says; both
/// are 0.5 for all where all are equal. Ties as in sparsity/allocate.hpp.
/// Errors: a sparsity that the options cannot reach, with the nearest; statistics of another granularity.
Result<Plan> select_flow(const Statistics& statistics, const SelectionRequest& request);

/// A plan of dense patterns with the matrices of `statistics`, their O and ND.
Plan dense_plan(const Statistics& statistics);

}  // namespace sparsecim
