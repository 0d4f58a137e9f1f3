#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.hpp"

namespace sparsecim {

/// A linear matrix and what is known of its inputs: S[i,j] = |values[i,j]| * column_norms[j] is the importance of a
/// weight (Wanda, arXiv 2306.11695, section 3). All matrices of a layer must have norms over the same tokens.
struct ScoredMatrix {
  std::span<const float> values;  // [n_out, n_in] row-major
  std::int64_t n_out = 0, n_in = 0;
  std::span<const float> column_norms;  // [n_in]; empty: 1, importance by magnitude
};

inline constexpr std::int64_t kCrowdingGroup = 8;  // the largest M of the hardware's patterns

/// Where the important weights of one matrix are: those with S > tau * mean(S) (FLOW, arXiv 2504.14365).
struct Outliers {
  std::int64_t weights = 0;
  std::int64_t count = 0;
  double mean_score = 0;
  /// Mean L1 distance in (row, column) between two outliers of this matrix, divided by that of two uniformly scattered
  /// weights, (R^2-1)/(3R) + (C^2-1)/(3C): clustered < 1, chance = 1. 1 where fewer than two outliers have no distance.
  double distribution = 1;
  /// Pairs of outliers that stand in one group of kCrowdingGroup consecutive input weights of a row, over the number
  /// that uniformly scattered ones would make: chance = 1. It is what an N:M pattern of that M is hurt by, at a scale
  /// that `distribution` does not see. 1 where there are fewer than two outliers, or no group has two places.
  double crowding = 1;

  double share() const { return weights == 0 ? 0 : static_cast<double>(count) / static_cast<double>(weights); }
};

/// The outliers of each matrix of one layer, against tau times the mean score over the whole layer: a decoder block's
/// matrices together, or a single matrix. Two passes over the weights.
/// REQUIRES: sizes match; tau > 0. Errors: a score that is not finite, a negative norm; `matrix i` says where.
Result<std::vector<Outliers>> find_outliers(std::span<const ScoredMatrix> layer, double tau);

/// Outliers of a layer as one: counts add up, and distribution and crowding are weighted by them.
Outliers combine(std::span<const Outliers> matrices);

/// Mean L1 distance over all unordered pairs of points, from how many lie in each row and in each column: exact, as L1
/// separates. REQUIRES: both histograms add up to the same count of at least two.
double mean_pairwise_l1(std::span<const std::int64_t> per_row, std::span<const std::int64_t> per_column);

}  // namespace sparsecim
