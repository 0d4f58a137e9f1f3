#pragma once

#include <compare>
#include <cstdint>
#include <span>
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

/// What selection chooses from unless told otherwise: {dense, 2:4, 4:8, 2:8} (arXiv 2504.14365).
std::span<const Pattern> default_patterns();
/// What the FlexCiM hardware runs: N and M powers of two, M <= 8: {dense, 1:2, 2:4, 4:8, 1:4, 2:8, 1:8}.
std::span<const Pattern> hardware_patterns();

/// Dense and every N of M.
std::vector<Pattern> every_n_of(int m);

/// "2:4" or "dense"; any N:N is dense and becomes 8:8. Errors: anything else, N > M, N < 1, M > 64.
Result<Pattern> parse_pattern(std::string_view text);
/// Patterns and sets of them, "dense,2:4,4:8" or "hardware,8:16"; each comes once. The sets: "hardware" for
/// hardware_patterns(); "n:M" for every_n_of(M); "powers:M" for dense and all whose N and M are powers of two, M the
/// largest. Errors also: a pattern that is given twice by itself, an M that is out of range or no power of two.
Result<std::vector<Pattern>> parse_patterns(std::string_view text);
/// "{dense, 2:4, 4:8}".
std::string to_string(std::span<const Pattern> patterns);

/// Weights kept of a group of `width` <= M weights: N of a whole group, ceil(N*w/M) of a shorter last one.
int kept_of_group(Pattern pattern, int width);
/// Weights kept per row of `n_in` weights: whole groups of M, then a shorter one for the rest.
std::int64_t kept_per_row(Pattern pattern, std::int64_t n_in);

}  // namespace sparsecim
