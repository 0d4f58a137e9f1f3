#include "sparsity/mask.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstring>
#include <mutex>
#include <numeric>

#include "base/atomic.hpp"
#include "base/check.hpp"
#include "base/threads.hpp"

namespace sparsecim {
namespace {

/// The importance as the integer with the same bits: for finite values that are not negative the order is the same,
/// and integers let a tie be broken by subtracting one.
using Key = std::int32_t;
constexpr Key kInfinity = 0x7f800000;

/// keys[j] = importance of row[j]. False if one of them is not finite.
bool keys_of_row(const float* row, std::span<const float> norms, std::span<Key> keys) {
  Key largest = 0;
  for (std::size_t j = 0; j < keys.size(); ++j) {
    const float score = norms.empty() ? row[j] : row[j] * norms[j];
    keys[j] = std::bit_cast<Key>(std::abs(score));
    largest = std::max(largest, keys[j]);
  }
  return largest < kInfinity;
}

/// Zeroes all but the `kept` weights of largest key of one group: a weight's rank is the number of weights in front of
/// it, those of larger key and those of equal key to its left.
void mask_group(float* group, const Key* keys, int width, int kept) {
  Key ranks[kLargestM] = {};
  for (int j = 0; j < width; ++j)
    for (int e = 0; e < width; ++e) ranks[e] += keys[j] > keys[e] - (j < e ? 1 : 0);
  for (int e = 0; e < width; ++e) group[e] = ranks[e] < kept ? group[e] : 0;
}

void mask_groups_of_any(float* row, const Key* keys, std::int64_t n_groups, Pattern pattern) {
  for (std::int64_t g = 0; g < n_groups; ++g)
    mask_group(row + g * pattern.m, keys + g * pattern.m, pattern.m, pattern.n);
}

using Lanes = Key __attribute__((vector_size(16)));  // comparisons give -1 where they hold, 0 elsewhere
constexpr int kLanes = 4;

/// The same for M = 4 * kVectors known beforehand, a group held in registers.
template <int kVectors>
void mask_groups_of(float* row, const Key* keys, std::int64_t n_groups, Pattern pattern) {
  constexpr int kM = kVectors * kLanes;
  for (std::int64_t g = 0; g < n_groups; ++g, row += kM, keys += kM) {
    Lanes key[kVectors], minus_rank[kVectors] = {}, weight[kVectors];
    std::memcpy(key, keys, sizeof key);
    std::memcpy(weight, row, sizeof weight);
    for (int j = 0; j < kM; ++j)
      for (int v = 0; v < kVectors; ++v) {
        const Lanes to_the_right = Lanes{0, 1, 2, 3} + v * kLanes > j;
        minus_rank[v] += keys[j] > key[v] + to_the_right;
      }
    for (int v = 0; v < kVectors; ++v) weight[v] &= minus_rank[v] > -pattern.n;
    std::memcpy(row, weight, sizeof weight);
  }
}

/// The same for 1:2.
void mask_pairs(float* row, const Key* keys, std::int64_t n_groups, Pattern) {
  for (std::int64_t g = 0; g < n_groups; ++g) {
    const bool left_stays = keys[2 * g] >= keys[2 * g + 1];
    row[2 * g + left_stays] = 0;
  }
}

using GroupMasker = void (*)(float*, const Key*, std::int64_t, Pattern);

GroupMasker group_masker(Pattern pattern) {
  switch (pattern.m) {
    case 2:
      return pattern.n == 1 ? mask_pairs : mask_groups_of_any;
    case 4:
      return mask_groups_of<1>;
    case 8:
      return mask_groups_of<2>;
    case 16:
      return mask_groups_of<4>;
    default:
      return mask_groups_of_any;
  }
}

Result<void> check_norms(std::span<const float> norms) {
  for (std::size_t j = 0; j < norms.size(); ++j)
    if (!std::isfinite(norms[j]) || norms[j] < 0) return fail("the norm of input column {} is {}", j, norms[j]);
  return {};
}

Result<void> check_row(const float* row, std::int64_t i, std::span<const float> norms, std::int64_t n_in) {
  for (std::int64_t j = 0; j < n_in; ++j) {
    const float norm = norms.empty() ? 1 : norms[static_cast<std::size_t>(j)];
    if (!std::isfinite(row[j] * norm))
      return fail("row {}, column {}: weight {} times norm {} is not finite", i, j, row[j], norm);
  }
  return {};
}

void require_matrix(std::size_t weights, std::int64_t n_in) {
  SC_CHECK(n_in >= 1 && weights % static_cast<std::size_t>(n_in) == 0);
}

/// The most nonzeros in any group of M, and in any shorter last group.
struct WorstGroup {
  int m = 0;
  int whole = 0, last = 0;
};

/// `before[j]` = nonzeros in front of column j of a row, j in 0 .. n_in.
void count_groups(std::span<const std::int32_t> before, WorstGroup& worst) {
  const std::size_t n_in = before.size() - 1, m = static_cast<std::size_t>(worst.m);
  std::size_t j = 0;
  for (; j + m <= n_in; j += m) worst.whole = std::max(worst.whole, before[j + m] - before[j]);
  worst.last = std::max(worst.last, before[n_in] - before[j]);
}

void count_row(const float* row, std::span<std::int32_t> before) {
  for (std::size_t j = 0; j + 1 < before.size(); ++j) before[j + 1] = before[j] + (row[j] != 0);
}

std::int64_t nonzeros_of(std::span<const float> row) {
  return std::ranges::count_if(row, [](float weight) { return weight != 0; });
}

/// No sparse pattern is left to be satisfied: what the first rows of a dense matrix show.
bool all_full(std::span<const WorstGroup> groups) {
  return std::ranges::all_of(groups, [](const WorstGroup& group) { return group.whole == group.m; });
}

std::vector<WorstGroup> groups_of(std::span<const Pattern> patterns) {
  std::vector<WorstGroup> groups;
  for (const Pattern& pattern : patterns)
    if (std::ranges::find(groups, pattern.m, &WorstGroup::m) == groups.end()) groups.push_back({.m = pattern.m});
  return groups;
}

bool satisfied(Pattern pattern, std::int64_t n_in, std::span<const WorstGroup> groups) {
  const auto worst = std::ranges::find(groups, pattern.m, &WorstGroup::m);
  return worst->whole <= pattern.n && worst->last <= kept_of_group(pattern, static_cast<int>(n_in % pattern.m));
}

/// Every row for itself. Gives the first row with an importance that is not finite; n_out: none.
std::int64_t mask_rows(std::span<float> weights, std::int64_t n_in, std::span<const float> column_norms,
                       Pattern pattern) {
  const std::int64_t n_groups = n_in / pattern.m, n_out = static_cast<std::int64_t>(weights.size()) / n_in;
  const int rest = static_cast<int>(n_in % pattern.m);
  const GroupMasker mask_groups = group_masker(pattern);
  std::atomic<std::int64_t> first_bad_row = n_out;
  parallel_for(n_out, [&](std::int64_t begin, std::int64_t end) {
    std::vector<Key> keys(static_cast<std::size_t>(n_in));
    for (std::int64_t i = begin; i < end; ++i) {
      float* row = weights.data() + i * n_in;
      if (!keys_of_row(row, column_norms, keys)) return lower(first_bad_row, i);
      mask_groups(row, keys.data(), n_groups, pattern);
      mask_group(row + n_in - rest, keys.data() + n_in - rest, rest, kept_of_group(pattern, rest));
    }
  });
  return first_bad_row;
}

/// The importances of `count` columns from `first` on of some rows, [rows, count].
void gather_scores(std::span<const float> rows, std::int64_t n_in, std::span<const float> norms, std::int64_t first,
                   std::span<float> scores) {
  const auto count = static_cast<std::int64_t>(scores.size()) * n_in / static_cast<std::int64_t>(rows.size());
  for (std::size_t k = 0; k < scores.size(); ++k) {
    const std::int64_t row = static_cast<std::int64_t>(k) / count, j = first + static_cast<std::int64_t>(k) % count;
    const float weight = rows[static_cast<std::size_t>(row * n_in + j)];
    scores[k] = std::abs(norms.empty() ? weight : weight * norms[static_cast<std::size_t>(j)]);
  }
}

/// Masks rows that choose together, block after block of M columns. REQUIRES: all importances are finite.
void mask_row_group(std::span<float> rows, std::int64_t n_in, std::span<const float> norms, Pattern pattern,
                    MaskSharing::Kind kind) {
  const std::size_t n_rows = rows.size() / static_cast<std::size_t>(n_in);
  std::vector<float> scores;
  std::vector<std::uint8_t> keep;
  for (std::int64_t j = 0; j < n_in; j += pattern.m) {
    const int width = static_cast<int>(std::min<std::int64_t>(pattern.m, n_in - j));
    scores.resize(n_rows * static_cast<std::size_t>(width));
    keep.resize(scores.size());
    gather_scores(rows, n_in, norms, j, scores);
    choose_kept(scores, width, kept_of_group(pattern, width), kind, keep);
    for (std::size_t k = 0; k < keep.size(); ++k) {
      const std::size_t row = k / static_cast<std::size_t>(width), column = k % static_cast<std::size_t>(width);
      if (!keep[k]) rows[row * static_cast<std::size_t>(n_in) + static_cast<std::size_t>(j) + column] = 0;
    }
  }
}

/// Row group after row group. Gives the first row with an importance that is not finite, which leaves its group as it
/// is; n_out: none.
std::int64_t mask_row_groups(std::span<float> weights, std::int64_t n_in, std::span<const float> norms, Pattern pattern,
                             const MaskSharing& sharing) {
  const std::int64_t n_out = static_cast<std::int64_t>(weights.size()) / n_in;
  std::atomic<std::int64_t> first_bad_row = n_out;
  parallel_for((n_out + sharing.rows - 1) / sharing.rows, [&](std::int64_t begin, std::int64_t end) {
    std::vector<Key> keys(static_cast<std::size_t>(n_in));
    for (std::int64_t group = begin; group < end; ++group) {
      const std::int64_t first = group * sharing.rows, count = std::min(sharing.rows, n_out - first);
      for (std::int64_t i = first; i < first + count; ++i)
        if (!keys_of_row(weights.data() + i * n_in, norms, keys)) return lower(first_bad_row, i);
      mask_row_group(weights.subspan(static_cast<std::size_t>(first * n_in), static_cast<std::size_t>(count * n_in)),
                     n_in, norms, pattern, sharing.kind);
    }
  });
  return first_bad_row;
}

}  // namespace

Result<void> apply_nm(std::span<float> weights, std::int64_t n_in, std::span<const float> column_norms, Pattern pattern,
                      const MaskSharing& sharing) {
  require_matrix(weights.size(), n_in);
  SC_CHECK(column_norms.empty() || column_norms.size() == static_cast<std::size_t>(n_in));
  SC_TRY(check_norms(column_norms));
  SC_TRY(check_sharing(sharing, pattern));
  const std::int64_t n_out = static_cast<std::int64_t>(weights.size()) / n_in;
  const std::int64_t first_bad_row = sharing.kind == MaskSharing::Kind::kNone
                                         ? mask_rows(weights, n_in, column_norms, pattern)
                                         : mask_row_groups(weights, n_in, column_norms, pattern, sharing);
  if (first_bad_row == n_out) return {};
  return check_row(weights.data() + first_bad_row * n_in, first_bad_row, column_norms, n_in);
}

Result<void> apply_nm_plainly(std::span<float> weights, std::int64_t n_in, std::span<const float> column_norms,
                              Pattern pattern) {
  require_matrix(weights.size(), n_in);
  SC_TRY(check_norms(column_norms));
  for (std::size_t begin = 0; begin < weights.size(); begin += static_cast<std::size_t>(n_in)) {
    float* row = weights.data() + begin;
    SC_TRY(check_row(row, static_cast<std::int64_t>(begin) / n_in, column_norms, n_in));
    for (std::int64_t j = 0; j < n_in; j += pattern.m) {
      std::vector<std::int64_t> columns(static_cast<std::size_t>(std::min<std::int64_t>(pattern.m, n_in - j)));
      std::iota(columns.begin(), columns.end(), j);
      std::ranges::stable_sort(columns, std::greater<>(), [&](std::int64_t column) {
        const float norm = column_norms.empty() ? 1 : column_norms[static_cast<std::size_t>(column)];
        return std::abs(row[column] * norm);
      });
      const int kept = kept_of_group(pattern, static_cast<int>(columns.size()));
      std::for_each(columns.begin() + kept, columns.end(), [&](std::int64_t column) { row[column] = 0; });
    }
  }
  return {};
}

Pattern ZeroStatistics::sparsest() const {
  Pattern best;
  for (const Pattern& pattern : satisfied) {
    const int difference = pattern.n * best.m - best.n * pattern.m;  // densities compared exactly
    if (difference < 0 || (difference == 0 && !pattern.dense() && pattern.m < best.m)) best = pattern;
  }
  return best;
}

ZeroStatistics zero_statistics(std::span<const float> weights, std::int64_t n_in, std::span<const Pattern> patterns) {
  require_matrix(weights.size(), n_in);
  std::vector<WorstGroup> worst = groups_of(patterns);
  std::int64_t nonzeros = 0;
  std::mutex merging;
  parallel_for(static_cast<std::int64_t>(weights.size()) / n_in, [&](std::int64_t begin, std::int64_t end) {
    std::vector<std::int32_t> before(static_cast<std::size_t>(n_in) + 1);
    std::vector<WorstGroup> mine = groups_of(patterns);
    std::int64_t my_nonzeros = 0;
    for (std::int64_t i = begin; i < end; ++i) {
      const auto row = weights.subspan(static_cast<std::size_t>(i * n_in), static_cast<std::size_t>(n_in));
      if (all_full(mine)) {
        my_nonzeros += nonzeros_of(row);
        continue;
      }
      count_row(row.data(), before);
      for (WorstGroup& group : mine) count_groups(before, group);
      my_nonzeros += before.back();
    }
    const std::lock_guard lock(merging);
    nonzeros += my_nonzeros;
    for (std::size_t g = 0; g < worst.size(); ++g) {
      worst[g].whole = std::max(worst[g].whole, mine[g].whole);
      worst[g].last = std::max(worst[g].last, mine[g].last);
    }
  });
  ZeroStatistics statistics{.weights = static_cast<std::int64_t>(weights.size()), .satisfied = {}};
  statistics.zeros = statistics.weights - nonzeros;
  for (const Pattern& pattern : patterns)
    if (satisfied(pattern, n_in, worst)) statistics.satisfied.push_back(pattern);
  return statistics;
}

}  // namespace sparsecim
