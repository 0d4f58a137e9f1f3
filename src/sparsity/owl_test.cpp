#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "sparsity/selection_fixture.hpp"

namespace sparsecim {
namespace {

SelectionRequest owl_request(double sparsity) {
  SelectionRequest request;
  request.method = Method::kOwl;
  request.sparsity = sparsity;
  request.options = default_options(Method::kOwl);
  request.tau = 5;
  return request;
}

/// OWL's formula, every layer weighing the same.
std::vector<double> owl_densities(const std::vector<LayerOutliers>& layers, double sparsity, double lambda) {
  double low = 1, high = 0, mean = 0;
  for (const LayerOutliers& layer : layers) low = std::min(low, layer.share), high = std::max(high, layer.share);
  std::vector<double> densities;
  for (const LayerOutliers& layer : layers) densities.push_back(2 * lambda * (layer.share - low) / (high - low));
  for (const double value : densities) mean += value / static_cast<double>(layers.size());
  for (double& value : densities) value += 1 - sparsity - mean;
  return densities;
}

/// Kept per 8 rounded to integers; then, while more or less than the budget is kept, the step of one that costs least,
/// the earlier layer keeping more. Costs are squared distances.
std::vector<int> owl_by_steps(const std::vector<double>& densities, int budget) {
  std::vector<int> kept;
  int sum = 0;
  for (const double density : densities) {
    kept.push_back(std::clamp(static_cast<int>(std::lround(8 * density)), 1, 8));
    sum += kept.back();
  }
  while (sum != budget) {
    const int step = sum > budget ? -1 : 1;
    std::size_t best = 0;
    double least = 1e9;
    for (std::size_t l = 0; l < kept.size(); ++l) {
      const double now = kept[l] - 8 * densities[l], then = now + step;
      const double cost = kept[l] + step < 1 || kept[l] + step > 8 ? 1e8 : then * then - now * now;
      if (cost < least || (cost == least && step < 0)) least = cost, best = l;
    }
    kept[best] += step;
    sum += step;
  }
  return kept;
}

TEST(OwlSelection, IsTheRoundedDensitiesRepairedByTheLeastCostlySteps) {
  std::mt19937 random(7);
  std::uniform_real_distribution<> uniform;
  for (int trial = 0; trial < 200; ++trial) {
    std::vector<LayerOutliers> layers;
    for (int i = 0; i < 12; ++i) layers.push_back({0.3 * uniform(random), 1});
    const double sparsity = 0.3 + 0.45 * uniform(random);
    const Statistics statistics = statistics_of(layers);
    for (std::size_t l = 0; l < layers.size(); ++l) layers[l].share = statistics.matrices[l].outliers[0].share();
    const auto plan = select_by_statistics(statistics, owl_request(sparsity)).value();
    const int budget = static_cast<int>(std::floor(8 * 12 * (1 - sparsity) + 1e-9));
    const auto expected = owl_by_steps(owl_densities(layers, sparsity, 0.08), budget);
    for (std::size_t l = 0; l < layers.size(); ++l)
      EXPECT_DOUBLE_EQ(plan.matrices[l].pattern.density(), expected[l] / 8.0) << "layer " << l << " of trial " << trial;
  }
}

TEST(OwlSelection, GivesLayersWithMoreOutliersMoreWeightsAndMeetsTheMean) {
  const auto plan =
      select_by_statistics(statistics_of({{0, 1}, {0.1, 1}, {0.4, 1}, {0.4, 1}}), owl_request(0.5)).value();
  EXPECT_DOUBLE_EQ(plan.sparsity(), 0.5);
  EXPECT_EQ(patterns_of(plan), (std::vector<std::string>{"3:8", "4:8", "5:8", "4:8"})) << "3.3, 3.6, 4.6 and 4.6 of 8";
  EXPECT_EQ(plan.method, "owl");
}

TEST(OwlSelection, SaysWhereNoLayerIsFavoured) {
  const auto plan = select_by_statistics(statistics_of({{0.1, 1}, {0.1, 1}}), owl_request(0.5)).value();
  EXPECT_EQ(patterns_of(plan), (std::vector<std::string>{"4:8", "4:8"}));
  EXPECT_EQ(plan.notes.back(), "every layer has the same share of outliers: none is favoured");
}

}  // namespace
}  // namespace sparsecim
