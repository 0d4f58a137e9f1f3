#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace sparsecim {

/// N:M sparsity: of every M consecutive input weights of one output row, N are kept (the rest is zero).
/// Dense is any pattern with n == m, and is 8:8 wherever N and M enter a formula.
struct Pattern {
  int n = 8;
  int m = 8;

  bool dense() const { return n == m; }
  double density() const { return static_cast<double>(n) / m; }
  double sparsity() const { return 1 - density(); }
  /// "2:4", "dense".
  std::string name() const;
  auto operator<=>(const Pattern&) const = default;
};

inline constexpr int kLargestM = 64;

/// "2:4" or "dense". Errors: anything else, N > M, N < 1, M > 64.
Result<Pattern> parse_pattern(std::string_view text);
/// "dense,2:4,4:8", without repetitions.
Result<std::vector<Pattern>> parse_patterns(std::string_view text);

/// Weights kept per row of `n_in` weights. A last group of w < M weights keeps ceil(N*w/M).
std::int64_t kept_per_row(Pattern pattern, std::int64_t n_in);

}  // namespace sparsecim
