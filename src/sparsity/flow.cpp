#include <algorithm>
#include <cmath>

#include "sparsity/program.hpp"

namespace sparsecim {
namespace {

Normalised against_chance(std::vector<double> values) {
  for (double& value : values) value = std::clamp(value, 0.0, 1.0);
  return {std::move(values), false};
}

/// O' and ND' of every layer.
struct Rules {
  std::vector<double> presence, distribution;
  std::vector<std::string> notes;
};

Rules rules_of(const std::vector<Outliers>& layers, Distribution distribution) {
  std::vector<double> shares, distances;
  for (const Outliers& layer : layers) {
    shares.push_back(layer.share());
    distances.push_back(layer.distribution);
  }
  const Normalised presence = min_max(std::move(shares));
  const Normalised distance =
      distribution == Distribution::kMinMax ? min_max(std::move(distances)) : against_chance(std::move(distances));
  Rules rules{presence.values, distance.values, {}};
  if (presence.equal) rules.notes.push_back("every layer has the same share of outliers: O' is 0.5 for all");
  if (distance.equal) rules.notes.push_back("every layer has the same outlier distribution: ND' is 0.5 for all");
  const auto lonely = std::ranges::count_if(layers, [](const Outliers& layer) { return layer.count < 2; });
  if (lonely > 0)
    rules.notes.push_back(
        fmt::format("{} of {} layers have fewer than two outliers: ND is 1 there", lonely, layers.size()));
  return rules;
}

/// The objective of one layer. Pattern{} is dense, 8:8.
double flow_cost(Pattern pattern, double presence, double distribution, const SelectionRequest& request) {
  if (pattern.dense()) pattern = Pattern{};
  const double wanted_m = request.m_rule == MRule::kClustered ? 1 - distribution : distribution;
  return request.alpha * std::abs(pattern.n - presence * 8) + request.beta * std::abs(pattern.m - wanted_m * 8);
}

}  // namespace

Costs flow_costs(Draft& draft, const std::vector<Outliers>& outliers, const SelectionRequest& request) {
  const Rules rules = rules_of(outliers_of_layers(draft, outliers), request.distribution);
  Costs costs(draft.layers.size());
  for (std::size_t l = 0; l < costs.size(); ++l)
    for (const Pattern& option : request.options)
      costs[l].push_back(flow_cost(option, rules.presence[l], rules.distribution[l], request));
  auto& notes = draft.plan.notes;
  if (request.m_rule == MRule::kInverse) notes.push_back("M grows with ND', the inverse of FLOW's rule");
  notes.insert(notes.end(), rules.notes.begin(), rules.notes.end());
  return costs;
}

}  // namespace sparsecim
