#pragma once

// For tests of selection: models of one matrix per block, of which only the outliers are said.

#include <cmath>
#include <string>
#include <vector>

#include "sparsity/select.hpp"

namespace sparsecim {

/// What is said of the outliers of a block.
struct LayerOutliers {
  double share, distribution;
};

/// One matrix of 64 x 64 per block.
inline Statistics statistics_of(const std::vector<LayerOutliers>& layers, std::int64_t n_in = 64) {
  Statistics statistics;
  statistics.scope = StatisticsScope::standard();
  statistics.inputs = {{.name = "x", .mean_squares = std::vector<float>(static_cast<std::size_t>(n_in), 1)}};
  for (const LayerOutliers& layer : layers) {
    const auto block = static_cast<std::int64_t>(statistics.matrices.size());
    const std::int64_t weights = 64 * n_in;
    const Outliers outliers{.weights = weights,
                            .count = std::llround(layer.share * static_cast<double>(weights)),
                            .distribution = layer.distribution};
    statistics.matrices.push_back({.name = fmt::format("block{}", block),
                                   .block = block,
                                   .n_out = 64,
                                   .n_in = n_in,
                                   .outliers = {statistics.scope.thresholds.size(), outliers},
                                   .dropped = std::vector<double>(statistics.scope.patterns.size())});
  }
  return statistics;
}

inline SelectionRequest request_of(double sparsity, const char* options = "dense,2:4,4:8,2:8") {
  SelectionRequest request;
  request.sparsity = sparsity;
  request.options = parse_patterns(options).value();
  return request;
}

inline std::vector<std::string> patterns_of(const Plan& plan) {
  std::vector<std::string> names;
  for (const PlannedMatrix& matrix : plan.matrices) names.push_back(matrix.pattern.name());
  return names;
}

inline Plan model_of(int blocks, std::int64_t n_in = 64) {
  const auto statistics = statistics_of(std::vector<LayerOutliers>(static_cast<std::size_t>(blocks), {0.01, 1}), n_in);
  return dense_plan(statistics, statistics.outliers({}).value());
}

}  // namespace sparsecim
