#include "sparsity/outliers.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>
#include <numeric>

#include "base/check.hpp"
#include "base/threads.hpp"

namespace sparsecim {
namespace {

/// S of one weight, in float32 as the masks have it. Empty norms mean 1.
struct Scores {
  const float* row;
  std::span<const float> norms;
  float operator[](std::size_t j) const { return std::abs(norms.empty() ? row[j] : row[j] * norms[j]); }
};

Scores scores_of_row(const ScoredMatrix& matrix, std::int64_t i) {
  return {matrix.values.data() + i * matrix.n_in, matrix.column_norms};
}

/// In double; in lanes that do not wait for each other.
double sum_row(const Scores& scores, std::size_t n_in) {
  constexpr std::size_t kSums = 8;
  double lanes[kSums] = {};
  std::size_t j = 0;
  for (; j + kSums <= n_in; j += kSums)
    for (std::size_t lane = 0; lane < kSums; ++lane) lanes[lane] += scores[j + lane];
  for (; j < n_in; ++j) lanes[0] += scores[j];
  return std::accumulate(std::begin(lanes), std::end(lanes), 0.0);
}

/// Each row by itself and the rows in order, so that the sum does not depend on the number of threads.
double sum_scores(const ScoredMatrix& matrix) {
  std::vector<double> rows(static_cast<std::size_t>(matrix.n_out));
  parallel_for(matrix.n_out, [&](std::int64_t begin, std::int64_t end) {
    for (; begin < end; ++begin)
      rows[static_cast<std::size_t>(begin)] =
          sum_row(scores_of_row(matrix, begin), static_cast<std::size_t>(matrix.n_in));
  });
  return std::accumulate(rows.begin(), rows.end(), 0.0);
}

Result<void> check_norms(const ScoredMatrix& matrix) {
  for (std::size_t j = 0; j < matrix.column_norms.size(); ++j)
    if (const float norm = matrix.column_norms[j]; !std::isfinite(norm) || norm < 0)
      return fail("the norm of input column {} is {}", j, norm);
  return {};
}

Result<double> checked_sum(const ScoredMatrix& matrix) {
  SC_CHECK(matrix.values.size() == static_cast<std::size_t>(matrix.n_out * matrix.n_in));
  SC_CHECK(matrix.column_norms.empty() || matrix.column_norms.size() == static_cast<std::size_t>(matrix.n_in));
  SC_TRY(check_norms(matrix));
  const double sum = sum_scores(matrix);
  if (!std::isfinite(sum)) return fail("a weight, or its product with the norm of its column, is not finite");
  return sum;
}

/// Where the scores above the threshold lie.
struct Places {
  std::vector<std::int64_t> per_row, per_column;
  std::int64_t pairs_in_groups = 0;  // of one row and one group of kCrowdingGroup columns
};

/// One row: its outliers are added to `per_column`. Gives their number, and that of their pairs within groups.
struct RowPlaces {
  std::int64_t count = 0, pairs = 0;
};

RowPlaces count_row(const Scores& scores, float threshold, std::span<std::int32_t> per_column) {
  RowPlaces places;
  for (std::size_t begin = 0; begin < per_column.size(); begin += kCrowdingGroup) {
    const std::size_t end = std::min<std::size_t>(begin + kCrowdingGroup, per_column.size());
    std::int32_t in_group = 0;
    for (std::size_t j = begin; j < end; ++j) {
      const std::int32_t outlier = scores[j] > threshold;
      per_column[j] += outlier;
      in_group += outlier;
    }
    places.count += in_group;
    places.pairs += in_group * (in_group - 1) / 2;
  }
  return places;
}

Places places_above(const ScoredMatrix& matrix, float threshold) {
  const auto n_in = static_cast<std::size_t>(matrix.n_in);
  Places places{std::vector<std::int64_t>(static_cast<std::size_t>(matrix.n_out)), std::vector<std::int64_t>(n_in)};
  std::mutex merging;
  parallel_for(matrix.n_out, [&](std::int64_t begin, std::int64_t end) {
    std::vector<std::int32_t> per_column(n_in);
    std::int64_t pairs = 0;
    for (std::int64_t i = begin; i < end; ++i) {
      const RowPlaces row = count_row(scores_of_row(matrix, i), threshold, per_column);
      places.per_row[static_cast<std::size_t>(i)] = row.count;
      pairs += row.pairs;
    }
    const std::lock_guard lock(merging);
    for (std::size_t j = 0; j < n_in; ++j) places.per_column[j] += per_column[j];
    places.pairs_in_groups += pairs;
  });
  return places;
}

/// The largest float that is not above `value`: a float exceeds the one exactly when it exceeds the other.
float round_down(double value) {
  const auto rounded = static_cast<float>(value);
  return rounded > value ? std::nextafter(rounded, -std::numeric_limits<float>::infinity()) : rounded;
}

/// Of two independent uniformly placed points on a line of `n`.
double chance_distance(std::int64_t n) {
  const auto length = static_cast<double>(n);
  return (length * length - 1) / (3 * length);
}

/// Sum of |a - b| over unordered pairs: between neighbouring places, every pair with one point on each side passes.
double sum_distances(std::span<const std::int64_t> histogram, std::int64_t count) {
  __int128 sum = 0;
  std::int64_t before = 0;
  for (const std::int64_t here : histogram) {
    before += here;
    sum += static_cast<__int128>(before) * (count - before);
  }
  return static_cast<double>(sum);
}

double pairs_of(std::int64_t count) { return static_cast<double>(count) * static_cast<double>(count - 1) / 2; }

/// Pairs of places of a row of `n_in` that share a group, the shorter last group included.
double pairs_of_places_in_groups(std::int64_t n_in) {
  const std::int64_t groups = n_in / kCrowdingGroup;
  return static_cast<double>(groups) * pairs_of(kCrowdingGroup) + pairs_of(n_in % kCrowdingGroup);
}

/// `pairs_in_groups` over its mean when `count` outliers take any places with equal chance: every pair of outliers is
/// then as likely to stand on any pair of places.
double crowding_of(const ScoredMatrix& matrix, std::int64_t count, std::int64_t pairs_in_groups) {
  const double together = static_cast<double>(matrix.n_out) * pairs_of_places_in_groups(matrix.n_in);
  if (count < 2 || together == 0) return 1;
  const double by_chance = pairs_of(count) * together / pairs_of(matrix.n_out * matrix.n_in);
  return static_cast<double>(pairs_in_groups) / by_chance;
}

Outliers outliers_of(const ScoredMatrix& matrix, double sum, float threshold) {
  const Places places = places_above(matrix, threshold);
  Outliers outliers{.weights = matrix.n_out * matrix.n_in};
  outliers.count = std::accumulate(places.per_row.begin(), places.per_row.end(), std::int64_t{0});
  if (outliers.weights > 0) outliers.mean_score = sum / static_cast<double>(outliers.weights);
  if (outliers.count >= 2)
    outliers.distribution = mean_pairwise_l1(places.per_row, places.per_column) /
                            (chance_distance(matrix.n_out) + chance_distance(matrix.n_in));
  outliers.crowding = crowding_of(matrix, outliers.count, places.pairs_in_groups);
  return outliers;
}

}  // namespace

double mean_pairwise_l1(std::span<const std::int64_t> per_row, std::span<const std::int64_t> per_column) {
  const std::int64_t count = std::accumulate(per_row.begin(), per_row.end(), std::int64_t{0});
  SC_CHECK(count >= 2 && count == std::accumulate(per_column.begin(), per_column.end(), std::int64_t{0}));
  return (sum_distances(per_row, count) + sum_distances(per_column, count)) / pairs_of(count);
}

Result<std::vector<Outliers>> find_outliers(std::span<const ScoredMatrix> layer, double tau) {
  SC_CHECK(tau > 0);
  std::vector<double> sums;
  double sum = 0, weights = 0;
  for (const ScoredMatrix& matrix : layer) {
    SC_TRY_ASSIGN(sums.emplace_back(), within(fmt::format("matrix {}", sums.size()), checked_sum(matrix)));
    sum += sums.back();
    weights += static_cast<double>(matrix.values.size());
  }
  const float threshold = round_down(tau * sum / std::max(weights, 1.0));
  std::vector<Outliers> outliers;
  for (std::size_t i = 0; i < layer.size(); ++i) outliers.push_back(outliers_of(layer[i], sums[i], threshold));
  return outliers;
}

Outliers combine(std::span<const Outliers> matrices) {
  Outliers all;
  double score_sum = 0, distributions = 0, crowdings = 0;
  for (const Outliers& matrix : matrices) {
    all.weights += matrix.weights;
    all.count += matrix.count;
    score_sum += matrix.mean_score * static_cast<double>(matrix.weights);
    distributions += matrix.distribution * static_cast<double>(matrix.count);
    crowdings += matrix.crowding * static_cast<double>(matrix.count);
  }
  if (all.weights > 0) all.mean_score = score_sum / static_cast<double>(all.weights);
  if (all.count > 0) all.distribution = distributions / static_cast<double>(all.count);
  if (all.count > 0) all.crowding = crowdings / static_cast<double>(all.count);
  return all;
}

}  // namespace sparsecim
