#pragma once

#include <cstdint>
#include <span>

#include "base/result.hpp"
#include "sparsity/pattern.hpp"

namespace sparsecim {

/// As apply_nm (mask.hpp), for hardware in which `rows_per_group` consecutive rows choose their weights from the same
/// pairs: of every M consecutive columns the group gives N slots (of a shorter last group of w columns ceil(N*w/M)) to
/// pairs of columns, at most two to each. A pair with two slots keeps both of its weights in every row, one with one
/// slot the more important one of each row (equal ones: the left). The slots are those of the largest sum of importance
/// over the rows, and the best there are: a pair's second slot never adds more than its first. Patterns without pairs
/// to choose from (M = 2, dense) share nothing. REQUIRES: n_in >= 1 divides weights.size(); column_norms.size() is 0 or
/// n_in; rows_per_group >= 1. Errors: an odd M; a weight times norm that is not finite; the weights may then be partly
/// masked.
Result<void> apply_shared_pairs(std::span<float> weights, std::int64_t n_in, std::span<const float> column_norms,
                                Pattern pattern, std::int64_t rows_per_group);

}  // namespace sparsecim
