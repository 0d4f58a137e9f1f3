#include "sparsity/dropped.hpp"

#include <numeric>

#include "base/threads.hpp"
#include "sparsity/mask.hpp"

namespace sparsecim {
namespace {

/// Sum of S^2 where `masked` is zero; everywhere if `masked` is empty. A weight that was zero before adds nothing. Each
/// row by itself and the rows in order, so that the sum does not depend on the number of threads.
double sum_of_squares(const ScoredMatrix& matrix, std::span<const float> masked) {
  std::vector<double> rows(static_cast<std::size_t>(matrix.n_out));
  parallel_for(matrix.n_out, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const auto row = static_cast<std::size_t>(i * matrix.n_in);
      double sum = 0;
      for (std::size_t j = 0; j < static_cast<std::size_t>(matrix.n_in); ++j) {
        const double norm = matrix.column_norms.empty() ? 1 : matrix.column_norms[j];
        const double score = matrix.values[row + j] * norm;
        sum += masked.empty() || masked[row + j] == 0 ? score * score : 0;
      }
      rows[static_cast<std::size_t>(i)] = sum;
    }
  });
  return std::accumulate(rows.begin(), rows.end(), 0.0);
}

}  // namespace

Result<std::vector<double>> dropped_shares(const ScoredMatrix& matrix, std::span<const Pattern> patterns) {
  const double total = sum_of_squares(matrix, {});
  std::vector<double> shares;
  std::vector<float> masked;
  for (const Pattern& pattern : patterns) {
    masked.assign(matrix.values.begin(), matrix.values.end());
    SC_TRY(apply_nm(masked, matrix.n_in, matrix.column_norms, pattern));
    shares.push_back(total == 0 ? 0 : sum_of_squares(matrix, masked) / total);
  }
  return shares;
}

}  // namespace sparsecim
