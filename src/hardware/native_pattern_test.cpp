#include "hardware/native_pattern.hpp"

#include <gtest/gtest.h>

#include <bit>

namespace sparsecim {
namespace {

/// All masks of one period of the pattern, as bits, and the fullest aligned group among them.
int most_kept_by_enumeration(Pattern pattern, int group) {
  const int period = std::max(pattern.m, group);  // for powers of two
  int most = 0;
  for (unsigned mask = 0; mask < 1u << period; ++mask) {
    bool legal = true;
    for (int begin = 0; begin < period && legal; begin += pattern.m)
      legal = std::popcount((mask >> begin) & ((1u << pattern.m) - 1)) <= pattern.n;
    if (!legal) continue;
    for (int begin = 0; begin < period; begin += group)
      most = std::max(most, std::popcount((mask >> begin) & ((1u << group) - 1)));
  }
  return most;
}

TEST(NativePattern, KnowsTheFullestGroupOfEveryPattern) {
  for (const int m : {2, 4, 8, 16})
    for (int n = 1; n <= m; ++n)
      for (const int group : {2, 4, 8, 16})
        EXPECT_EQ(most_kept({n, m}, group), most_kept_by_enumeration({n, m}, group))
            << n << ":" << m << " in " << group;
  EXPECT_EQ(most_kept({2, 3}, 4), 4);  // not in inputs 0..3, but in 4..7, which share blocks 3..5 and 6..8
}

constexpr Pattern kHardware[] = {{8, 8}, {1, 2}, {2, 4}, {4, 8}, {1, 4}, {2, 8}, {1, 8}};

Pattern native_of(Pattern pattern) { return native_pattern(Operation{.pattern = pattern}, kHardware).value(); }

TEST(NativePattern, IsTheSparsestThatHoldsThePattern) {
  for (const Pattern pattern : kHardware) EXPECT_EQ(native_of(pattern), pattern);
  EXPECT_EQ(native_of({3, 8}), (Pattern{4, 8}));
  EXPECT_EQ(native_of({5, 8}), Pattern{});
  EXPECT_EQ(native_of({2, 16}), (Pattern{2, 8}));
  EXPECT_EQ(native_of({8, 16}), Pattern{});  // all eight may lie in one half
}

TEST(NativePattern, FollowsTheCountedMaskRatherThanItsName) {
  Operation operation{.n_inputs = 16, .pattern = {8, 16}, .weights = MaskStatistics{.most_kept = {2, 2, 4, 8}}};
  EXPECT_EQ(*native_pattern(operation, kHardware), (Pattern{2, 4}));
  operation.weights->most_kept = {2, 3, 4, 8};
  EXPECT_EQ(*native_pattern(operation, kHardware), (Pattern{4, 8}));
}

TEST(NativePattern, PrefersTheSmallerMAtEqualSparsity) {
  const Operation operation{.n_inputs = 16, .pattern = {4, 8}, .weights = MaskStatistics{.most_kept = {1, 2, 4, 8}}};
  EXPECT_EQ(*native_pattern(operation, kHardware), (Pattern{1, 2}));
}

TEST(NativePattern, MissingSaysWhatToAdd) {
  const Pattern only[] = {{2, 4}};
  EXPECT_TRUE(native_pattern(Operation{.pattern = {1, 4}}, only));
  const auto none = native_pattern(Operation{.pattern = {3, 4}}, only);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().line(), "no pattern of the machine holds 3:4; add dense to the machine's patterns");
}

}  // namespace
}  // namespace sparsecim
