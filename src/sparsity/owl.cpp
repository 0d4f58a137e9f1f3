#include <algorithm>
#include <numeric>

#include "sparsity/program.hpp"

namespace sparsecim {
namespace {

/// What a layer weighs in the budget.
std::vector<double> weights_of_layers(const Draft& draft) {
  std::vector<double> weights;
  for (const Layer& layer : draft.layers) {
    weights.push_back(0);
    for (const std::size_t i : layer)
      weights.back() += static_cast<double>(draft.weight[i] * draft.plan.matrices[i].weights());
  }
  return weights;
}

/// The density of the layers together such that, with the fixed matrices, `sparsity` is met.
double mean_density(const Draft& draft, double all_layers, double sparsity) {
  const double zeros = sparsity * static_cast<double>(draft.total) - static_cast<double>(draft.fixed_zeros());
  return 1 - zeros / all_layers;
}

/// d_l = 2 * lambda * minmax(D)_l - mean(.) + the mean density (arXiv 2310.05175, section 4, and its published code).
std::vector<double> densities_of(const Draft& draft, std::vector<double> spread, const SelectionRequest& request) {
  const std::vector<double> weights = weights_of_layers(draft);
  const double all = std::accumulate(weights.begin(), weights.end(), 0.0);
  for (double& value : spread) value *= 2 * request.lambda;
  const double mean = std::inner_product(spread.begin(), spread.end(), weights.begin(), 0.0) / all;
  const double shift = mean_density(draft, all, request.sparsity) - mean;
  for (double& value : spread) value += shift;
  return spread;
}

}  // namespace

Costs owl_costs(Draft& draft, const std::vector<Outliers>& outliers, const SelectionRequest& request) {
  std::vector<double> shares;
  for (const Outliers& layer : outliers_of_layers(draft, outliers)) shares.push_back(layer.share());
  const Normalised spread = min_max(std::move(shares));
  if (spread.equal) draft.plan.notes.push_back("every layer has the same share of outliers: none is favoured");
  const std::vector<double> densities = densities_of(draft, spread.values, request);
  Costs costs(draft.layers.size());
  for (std::size_t l = 0; l < costs.size(); ++l)
    for (const Pattern& option : request.options) {
      const double distance = 8 * (option.density() - densities[l]);
      costs[l].push_back(distance * distance);
    }
  return costs;
}

}  // namespace sparsecim
