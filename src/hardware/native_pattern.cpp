#include "hardware/native_pattern.hpp"

#include <algorithm>
#include <numeric>

namespace sparsecim {
namespace {

/// Kept weights in inputs [begin, end): each block of M that it touches keeps at most N, and no more than it shares.
int most_kept_between(Pattern pattern, int begin, int end) {
  int kept = 0;
  for (int block = begin / pattern.m; block * pattern.m < end; ++block) {
    const int shared = std::min(end, (block + 1) * pattern.m) - std::max(begin, block * pattern.m);
    kept += std::min(pattern.n, shared);
  }
  return kept;
}

/// The counted maximum for groups of `size`, or -1.
int counted_most_kept(const MaskStatistics& statistics, int size) {
  for (std::size_t i = 0; i < MaskStatistics::kGroupSizes.size(); ++i)
    if (MaskStatistics::kGroupSizes[i] == size) return statistics.most_kept[i];
  return -1;
}

}  // namespace

int most_kept(Pattern pattern, int group) {
  if (pattern.dense()) return group;
  const int period = std::lcm(pattern.m, group);
  int most = 0;
  for (int begin = 0; begin < period; begin += group)
    most = std::max(most, most_kept_between(pattern, begin, begin + group));
  return most;
}

bool holds(Pattern native, const Operation& operation) {
  if (native.dense()) return true;
  if (operation.weights)
    if (const int counted = counted_most_kept(*operation.weights, native.m); counted >= 0) return counted <= native.n;
  return most_kept(operation.pattern, native.m) <= native.n;
}

Result<Pattern> native_pattern(const Operation& operation, std::span<const Pattern> natives) {
  const Pattern* best = nullptr;
  for (const Pattern& native : natives) {
    if (!holds(native, operation)) continue;
    const auto rank = [](const Pattern& pattern) {
      return pattern.dense() ? std::pair(1.0, 0) : std::pair(pattern.density(), pattern.m);
    };
    if (!best || rank(native) < rank(*best)) best = &native;
  }
  if (!best)
    return fail(Remedy{"add dense to the machine's patterns"}, "no pattern of the machine holds {}",
                operation.pattern.name());
  return *best;
}

}  // namespace sparsecim
