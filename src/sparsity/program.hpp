#pragma once

// The selection program, which all methods share: what a layer is, and how budgets are kept.

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "sparsity/allocate.hpp"
#include "sparsity/plan.hpp"
#include "sparsity/select.hpp"

namespace sparsecim {

/// A layer to choose one pattern for: indices of its matrices in the plan.
using Layer = std::vector<std::size_t>;

/// A plan on its way: dense but for the fixed matrices, which are in no layer.
struct Draft {
  Plan plan;
  std::vector<Layer> layers;
  std::vector<bool> fixed;           // by matrix
  std::vector<std::int64_t> weight;  // by matrix: what a zero of it adds to the budget
  std::int64_t total = 0;            // the budget of a model of zeros

  std::int64_t zeros(std::size_t matrix, Pattern pattern) const;  // in the budget
  std::int64_t fixed_zeros() const;
};

/// Errors: a request that makes no sense; a fixed choice that names nothing.
Result<Draft> make_draft(Plan model, const SelectionRequest& request);

/// The least number of budget units that is the share `sparsity` of `total`, or more; to one part in 10^12, because
/// decimal fractions are not exact in binary.
std::int64_t units_for(double sparsity, std::int64_t total);

/// The plan of least costs[layer][option] within the request's budgets; `goal` where sparsity is the only one.
/// Errors: budgets that cannot be met, and no proof within the time limit.
Result<Plan> solve(Draft draft, const Costs& costs, const SelectionRequest& request, Goal goal);

/// Errors: a ceiling that the plan exceeds.
Result<void> check_ceilings(const Plan& plan, const SelectionRequest& request);

/// At most four decimals and at least `decimals`, rounded down: what is printed as reachable can be asked for.
std::string print_share(double share, int decimals);
/// What was asked for: two decimals, or as many as it takes.
std::string print_asked(double share);

/// FLOW's and OWL's costs, [layer][option]; what a reader must know is added to the plan's notes.
Costs flow_costs(Draft& draft, const std::vector<Outliers>& outliers, const SelectionRequest& request);
Costs owl_costs(Draft& draft, const std::vector<Outliers>& outliers, const SelectionRequest& request);

struct Normalised {
  std::vector<double> values;
  bool equal = false;  // nothing to tell the layers apart by: 0.5 for all
};
Normalised min_max(std::vector<double> values);

/// The outliers of each layer's matrices as one.
std::vector<Outliers> outliers_of_layers(const Draft& draft, const std::vector<Outliers>& outliers);

}  // namespace sparsecim
