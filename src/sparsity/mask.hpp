#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.hpp"
#include "sparsity/mask_sharing.hpp"
#include "sparsity/pattern.hpp"

namespace sparsecim {

/// Sets to zero what `pattern` drops of `weights` [n_out, n_in] row-major: of every M consecutive weights of a row the
/// N of largest importance S[i,j] = |W[i,j]| * column_norms[j] stay (Wanda, arXiv 2306.11695, section 3; float32
/// products), of a shorter last group of w weights ceil(N*w/M). Equal importances: the lower column stays. Empty
/// `column_norms` mean importance by magnitude. Weights that are already zero may be among the N. Rows that share their
/// choice drop the least sum of squared importances. REQUIRES: n_in >= 1 divides weights.size(); column_norms.size() is
/// 0 or n_in. Errors: a weight or a norm that is not finite, a negative norm; the weights are then partly masked;
/// check_sharing's.
Result<void> apply_nm(std::span<float> weights, std::int64_t n_in, std::span<const float> column_norms, Pattern pattern,
                      const MaskSharing& sharing = {});

/// The same by sorting each group: short and slow, what apply_nm is tested against.
Result<void> apply_nm_plainly(std::span<float> weights, std::int64_t n_in, std::span<const float> column_norms,
                              Pattern pattern);

/// What the zeros of a real matrix amount to.
struct ZeroStatistics {
  std::int64_t weights = 0;
  std::int64_t zeros = 0;
  std::vector<Pattern> satisfied;  // of the patterns asked for, in their order: every group has at most N nonzeros

  double sparsity() const { return weights == 0 ? 0 : static_cast<double>(zeros) / static_cast<double>(weights); }
  /// The satisfied pattern of least density; of equally dense ones that of smallest M, which needs the simplest
  /// hardware (2:4 holds 4:8 too). Dense where none is satisfied.
  Pattern sparsest() const;
};

/// Counts the zeros (-0.0 is one) of `weights` [n_out, n_in] row-major and finds which of `patterns` they satisfy.
/// REQUIRES: n_in >= 1 divides weights.size().
ZeroStatistics zero_statistics(std::span<const float> weights, std::int64_t n_in, std::span<const Pattern> patterns);

}  // namespace sparsecim
