#include "sparsity/mask.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include "base/threads.hpp"

namespace sparsecim {
namespace {

using Floats = std::vector<float>;

Floats random_weights(std::size_t n, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  Floats weights(n);
  for (float& weight : weights) weight = normal(random);
  return weights;
}

Floats random_norms(std::int64_t n_in, unsigned seed) {
  Floats norms = random_weights(static_cast<std::size_t>(n_in), seed);
  for (float& norm : norms) norm = std::abs(norm);
  return norms;
}

Floats masked(Floats weights, std::int64_t n_in, const Floats& norms, Pattern pattern) {
  EXPECT_TRUE(apply_nm(weights, n_in, norms, pattern));
  return weights;
}

Floats masked_plainly(Floats weights, std::int64_t n_in, const Floats& norms, Pattern pattern) {
  EXPECT_TRUE(apply_nm_plainly(weights, n_in, norms, pattern));
  return weights;
}

double total_score(const Floats& weights, std::int64_t n_in, const Floats& norms) {
  double total = 0;
  for (std::size_t k = 0; k < weights.size(); ++k)
    total += std::abs(weights[k]) * (norms.empty() ? 1.0 : norms[k % static_cast<std::size_t>(n_in)]);
  return total;
}

/// Equal bit for bit, so that -0.0 differs from 0.
bool same_bits(const Floats& a, const Floats& b) {
  return std::ranges::equal(a, b, {}, std::bit_cast<std::int32_t, float>, std::bit_cast<std::int32_t, float>);
}

const std::vector<Pattern> kPatterns = {{1, 2}, {1, 4}, {2, 4}, {3, 4},  {1, 8},  {2, 8}, {3, 8},  {4, 8},   {7, 8},
                                        {8, 8}, {2, 2}, {4, 4}, {8, 16}, {5, 16}, {2, 3}, {5, 12}, {16, 32}, {33, 64}};

TEST(NmMask, KeepsTheLargestOfEachGroup) {
  EXPECT_EQ(masked({1, -4, 3, 2, /**/ 0.1f, 0.2f, -0.4f, 0.3f}, 8, {}, {2, 4}),
            (Floats{0, -4, 3, 0, 0, 0, -0.4f, 0.3f}));
  EXPECT_EQ(masked({1, -4, 3, 2}, 4, {10, 1, 1, 1}, {2, 4}), (Floats{1, -4, 0, 0})) << "norms weigh the columns";
}

TEST(NmMask, KeepsTheLowerColumnsOfATie) {
  EXPECT_EQ(masked({5, -5, 5, 5, 5, 5, 5, 5}, 8, {}, {2, 8}), (Floats{5, -5, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(masked({5, 5, -5, 5}, 4, {}, {1, 2}), (Floats{5, 0, -5, 0}));
  EXPECT_EQ(masked({1, 2, 2, 2}, 4, {}, {2, 4}), (Floats{0, 2, 2, 0}));
}

TEST(NmMask, DropsTheWeightsOfDeadInputsFirstAndKeepsNAllTheSame) {
  EXPECT_EQ(masked({9, 1, 9, 2}, 4, {0, 1, 0, 1}, {2, 4}), (Floats{0, 1, 0, 2}));
  EXPECT_EQ(masked({9, 1, 9, 2}, 4, {0, 0, 0, 0}, {2, 4}), (Floats{9, 1, 0, 0})) << "all dead: the lower columns";
}

TEST(NmMask, OfAShorterLastGroupKeepsItsShareRoundedUp) {
  EXPECT_EQ(masked({1, 2, 3, 4, /**/ 5, 7, 6}, 7, {}, {2, 4}), (Floats{0, 0, 3, 4, 0, 7, 6})) << "ceil(2*3/4) = 2";
  EXPECT_EQ(masked({1, 2, 3}, 3, {}, {1, 8}), (Floats{0, 0, 3})) << "a row may be shorter than M";
}

TEST(NmMask, EqualsThePlainWayBitForBit) {
  for (const std::int64_t n_in : {1, 2, 7, 8, 64, 67, 129}) {
    for (const Pattern pattern : kPatterns) {
      const Floats weights = random_weights(static_cast<std::size_t>(13 * n_in), 1), norms = random_norms(n_in, 2);
      for (const Floats& used : {norms, Floats{}})
        EXPECT_TRUE(same_bits(masked(weights, n_in, used, pattern), masked_plainly(weights, n_in, used, pattern)))
            << pattern.name() << " of " << n_in;
    }
  }
}

/// Few distinct values make ties in nearly every group; zeros of both signs and the extremes are among them.
TEST(NmMask, EqualsThePlainWayBitForBitAmongTies) {
  const Floats values = {0.f, -0.f, 1.f, -1.f, 2.f, 1e-45f, std::numeric_limits<float>::max()};
  std::mt19937 random(3);
  Floats weights(64 * 67);
  for (float& weight : weights) weight = values[random() % values.size()];
  Floats norms(67);
  for (std::size_t j = 0; j < norms.size(); ++j) norms[j] = j % 3 == 0 ? 0.f : j % 3 == 1 ? -0.f : 1.f;
  for (const Pattern pattern : kPatterns)
    for (const Floats& used : {norms, Floats{}})
      EXPECT_TRUE(same_bits(masked(weights, 67, used, pattern), masked_plainly(weights, 67, used, pattern)))
          << pattern.name();
}

TEST(NmMask, LeavesAtMostNPerGroupAndWhatItLeavesUnchanged) {
  const Floats weights = random_weights(32 * 72, 4);
  for (const Pattern pattern : kPatterns) {
    const Floats result = masked(weights, 72, {}, pattern);
    EXPECT_EQ(zero_statistics(result, 72, {&pattern, 1}).satisfied.size(), 1u) << pattern.name();
    std::int64_t kept = 0;
    for (std::size_t k = 0; k < weights.size(); ++k) {
      EXPECT_TRUE(result[k] == 0 || result[k] == weights[k]);
      kept += result[k] != 0;
    }
    EXPECT_EQ(kept, 32 * kept_per_row(pattern, 72)) << pattern.name();
  }
}

TEST(NmMask, AppliedTwiceChangesNothingMore) {
  for (const Pattern pattern : kPatterns) {
    const Floats norms = random_norms(70, 6), once = masked(random_weights(9 * 70, 5), 70, norms, pattern);
    EXPECT_TRUE(same_bits(masked(once, 70, norms, pattern), once)) << pattern.name();
  }
}

TEST(NmMask, OfFourInEightNeverKeepsLessTotalScoreThanTwoInFour) {
  const std::vector<std::vector<Pattern>> by_density = {
      {{1, 2}, {2, 4}, {4, 8}, {8, 16}, {16, 32}}, {{1, 4}, {2, 8}, {4, 16}}, {{3, 4}, {6, 8}}};
  for (unsigned seed = 0; seed < 20; ++seed) {
    const Floats weights = random_weights(16 * 96, seed), norms = random_norms(96, seed + 100);
    for (const auto& patterns : by_density)
      for (std::size_t p = 1; p < patterns.size(); ++p)
        EXPECT_GE(total_score(masked(weights, 96, norms, patterns[p]), 96, norms),
                  total_score(masked(weights, 96, norms, patterns[p - 1]), 96, norms))
            << patterns[p].name();
  }
}

TEST(NmMask, IsTheSameOnAnyNumberOfThreads) {
  const int before = thread_count();
  const Floats weights = random_weights(37 * 40, 7);
  set_thread_count(1);
  const Floats alone = masked(weights, 40, {}, {4, 8});
  set_thread_count(5);
  EXPECT_TRUE(same_bits(masked(weights, 40, {}, {4, 8}), alone));
  set_thread_count(before);
}

TEST(NmMask, RefusesWhatIsNotFiniteByRowAndColumn) {
  const float nan = std::nanf(""), infinity = std::numeric_limits<float>::infinity();
  const auto refusal = [](Floats weights, const Floats& norms, auto apply) {
    const auto result = apply(weights, 4, norms, Pattern{2, 4});
    return result ? "accepted" : result.error().what;
  };
  using Apply = Result<void> (*)(std::span<float>, std::int64_t, std::span<const float>, Pattern);
  const Apply quickly = [](std::span<float> all, std::int64_t n_in, std::span<const float> norms, Pattern pattern) {
    return apply_nm(all, n_in, norms, pattern);
  };
  for (const Apply apply : {quickly, Apply(apply_nm_plainly)}) {
    EXPECT_EQ(refusal({1, 2, 3, 4, 1, nan, 3, 4}, {}, apply), "row 1, column 1: weight nan times norm 1 is not finite");
    EXPECT_EQ(refusal({1, 2, -infinity, 4}, {1, 1, 0, 1}, apply),
              "row 0, column 2: weight -inf times norm 0 is not finite");
    EXPECT_EQ(refusal({1, 2, 3, 1e30f}, {1, 1, 1, 1e30f}, apply),
              "row 0, column 3: weight 1e+30 times norm 1e+30 is not finite");
    EXPECT_EQ(refusal({1, 2, 3, 4}, {1, nan, 1, 1}, apply), "the norm of input column 1 is nan");
    EXPECT_EQ(refusal({1, 2, 3, 4}, {1, 1, -1, 1}, apply), "the norm of input column 2 is -1");
  }
}

TEST(NmMask, OfNoRowsIsNothing) {
  Floats none;
  EXPECT_TRUE(apply_nm(none, 8, {}, {2, 4}));
  EXPECT_EQ(zero_statistics(none, 8, hardware_patterns()).sparsity(), 0);
}

TEST(ZeroStatistics, CountZerosOfBothSigns) {
  const auto statistics = zero_statistics(Floats{0, -0.f, 1, 2, 0, 3, 4, 5}, 4, {});
  EXPECT_EQ(statistics.weights, 8);
  EXPECT_EQ(statistics.zeros, 3);
  EXPECT_DOUBLE_EQ(statistics.sparsity(), 3 / 8.0);
}

TEST(ZeroStatistics, FindThePatternThatMadeTheZeros) {
  const Floats weights = random_weights(24 * 64, 8);
  for (const Pattern pattern : hardware_patterns())
    EXPECT_EQ(zero_statistics(masked(weights, 64, {}, pattern), 64, hardware_patterns()).sparsest(), pattern);
}

TEST(ZeroStatistics, AreTrueOfEveryRowAndOfTheLastGroup) {
  const Floats row = {1, 0, 2, 0, /**/ 0, 0, 3, 0, /**/ 4, 0};
  const auto satisfied = [&](Floats weights) { return zero_statistics(weights, 10, hardware_patterns()).satisfied; };
  EXPECT_EQ(satisfied(row), (std::vector<Pattern>{{8, 8}, {1, 2}, {2, 4}, {4, 8}}));
  Floats two_rows = row;
  two_rows.insert(two_rows.end(), {1, 2, 3, 0, /**/ 0, 0, 0, 0, /**/ 0, 0});
  EXPECT_EQ(satisfied(two_rows), (std::vector<Pattern>{{8, 8}, {4, 8}})) << "a group of the second row holds three";
  Floats full_end = row;
  full_end[9] = 5;
  EXPECT_EQ(satisfied(full_end), (std::vector<Pattern>{{8, 8}})) << "the last two columns may keep one of two";
}

TEST(ZeroStatistics, CountTheZerosBehindARowThatNoSparsePatternHolds) {
  Floats weights(5 * 16, 1);
  for (const std::size_t at : {3u, 20u, 21u, 40u, 79u}) weights[at] = 0;
  const auto statistics = zero_statistics(weights, 16, hardware_patterns());
  EXPECT_EQ(statistics.zeros, 5);
  EXPECT_EQ(statistics.satisfied, (std::vector<Pattern>{{8, 8}}));
}

TEST(ZeroStatistics, AgreeWithCountingEachGroup) {
  std::mt19937 random(9);
  for (int trial = 0; trial < 200; ++trial) {
    const std::int64_t n_in = 1 + random() % 40;
    Floats weights(static_cast<std::size_t>(3 * n_in));
    for (float& weight : weights) weight = random() % 4 == 0 ? 1 : 0;
    std::vector<Pattern> expected;
    for (const Pattern pattern : kPatterns) {
      bool holds = true;
      for (std::int64_t i = 0; i < 3; ++i)
        for (std::int64_t j = 0; j < n_in; j += pattern.m) {
          const int width = static_cast<int>(std::min<std::int64_t>(pattern.m, n_in - j));
          const auto* group = weights.data() + i * n_in + j;
          holds = holds && width - std::count(group, group + width, 0.f) <= kept_of_group(pattern, width);
        }
      if (holds) expected.push_back(pattern);
    }
    EXPECT_EQ(zero_statistics(weights, n_in, kPatterns).satisfied, expected);
  }
}

TEST(SparsestPattern, IsTheLeastDenseAndOfThoseTheOneOfSmallestM) {
  const auto sparsest = [](std::vector<Pattern> patterns) {
    return ZeroStatistics{.satisfied = std::move(patterns)}.sparsest();
  };
  EXPECT_EQ(sparsest({}), (Pattern{8, 8}));
  EXPECT_EQ(sparsest({{4, 8}, {2, 4}, {8, 8}}), (Pattern{2, 4}));
  EXPECT_EQ(sparsest({{2, 4}, {2, 8}, {4, 8}}), (Pattern{2, 8}));
}

}  // namespace
}  // namespace sparsecim
