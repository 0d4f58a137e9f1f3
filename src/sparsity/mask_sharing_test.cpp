#include "sparsity/mask_sharing.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>
#include <set>

#include "sparsity/mask.hpp"

namespace sparsecim {
namespace {

using Kind = MaskSharing::Kind;
using Floats = std::vector<float>;
using Keep = std::vector<std::uint8_t>;

/// Small whole numbers, so that there are ties and sums are exact.
Floats random_scores(std::size_t n, unsigned seed) {
  std::mt19937 random(seed);
  Floats scores(n);
  for (float& score : scores) score = static_cast<float>(random() % 7);
  return scores;
}

double sum_of_squares(const Floats& scores, const Keep& keep) {
  double sum = 0;
  for (std::size_t k = 0; k < scores.size(); ++k) sum += keep[k] ? scores[k] * scores[k] : 0;
  return sum;
}

/// The most that one row can keep of its pairs, `counts[p]` of each.
double best_of_row(std::span<const float> row, const std::vector<int>& counts) {
  double sum = 0;
  for (std::size_t p = 0; p < counts.size(); ++p) {
    const float left = row[2 * p], right = 2 * p + 1 < row.size() ? row[2 * p + 1] : 0;
    if (counts[p] == 2) sum += left * left + right * right;
    if (counts[p] == 1) sum += std::max(left * left, right * right);
  }
  return sum;
}

/// The best of all multisets of `kept` pairs of which each is there at most twice (one without a partner once).
double best_of_pairs(const Floats& scores, std::size_t width, int kept) {
  std::vector<int> counts((width + 1) / 2);
  double best = -1;
  const std::function<void(std::size_t, int)> choose = [&](std::size_t p, int left) {
    if (p == counts.size()) {
      double sum = 0;
      for (std::size_t row = 0; row < scores.size(); row += width)
        sum += best_of_row(std::span(scores).subspan(row, width), counts);
      if (left == 0) best = std::max(best, sum);
      return;
    }
    for (counts[p] = 0; counts[p] <= std::min(left, 2 * p + 1 < width ? 2 : 1); ++counts[p])
      choose(p + 1, left - counts[p]);
    counts[p] = 0;
  };
  choose(0, kept);
  return best;
}

/// The best of all sets of `kept` columns.
double best_of_columns(const Floats& scores, std::size_t width, int kept) {
  double best = -1;
  for (unsigned set = 0; set < 1u << width; ++set) {
    if (std::popcount(set) != kept) continue;
    double sum = 0;
    for (std::size_t k = 0; k < scores.size(); ++k) sum += (set >> (k % width) & 1) ? scores[k] * scores[k] : 0;
    best = std::max(best, sum);
  }
  return best;
}

/// Pairs that the rows of a group need between them: the most that one row keeps of each, summed.
int pairs_needed(const Keep& keep, std::size_t width) {
  int needed = 0;
  for (std::size_t j = 0; j < width; j += 2) {
    int most = 0;
    for (std::size_t row = 0; row < keep.size(); row += width)
      most = std::max(most, keep[row + j] + (j + 1 < width ? keep[row + j + 1] : 0));
    needed += most;
  }
  return needed;
}

Keep chosen(const Floats& scores, std::size_t width, int kept, Kind kind) {
  Keep keep(scores.size());
  choose_kept(scores, static_cast<int>(width), kept, kind, keep);
  for (std::size_t row = 0; row < keep.size(); row += width)
    EXPECT_EQ(std::count(keep.begin() + static_cast<std::ptrdiff_t>(row),
                         keep.begin() + static_cast<std::ptrdiff_t>(row + width), 1),
              kept);
  return keep;
}

TEST(MaskSharing, OfPairsKeepsAsMuchAsTheBestOfAllMultisets) {
  for (unsigned seed = 0; seed < 40; ++seed)
    for (const std::size_t width : {1, 2, 3, 4, 5, 8})
      for (const std::size_t rows : {1, 2, 5})
        for (int kept = 0; kept <= static_cast<int>(width); ++kept) {
          const Floats scores = random_scores(rows * width, seed);
          const Keep keep = chosen(scores, width, kept, Kind::kPairs);
          EXPECT_EQ(sum_of_squares(scores, keep), best_of_pairs(scores, width, kept)) << width << " " << kept;
          EXPECT_LE(pairs_needed(keep, width), kept);
        }
}

TEST(MaskSharing, OfRowsKeepsAsMuchAsTheBestOfAllSetsOfColumns) {
  for (unsigned seed = 0; seed < 40; ++seed)
    for (const std::size_t width : {1, 3, 4, 8})
      for (int kept = 0; kept <= static_cast<int>(width); ++kept) {
        const Floats scores = random_scores(3 * width, seed);
        const Keep keep = chosen(scores, width, kept, Kind::kRows);
        EXPECT_EQ(sum_of_squares(scores, keep), best_of_columns(scores, width, kept));
        for (std::size_t k = width; k < keep.size(); ++k) EXPECT_EQ(keep[k], keep[k % width]);
      }
}

TEST(MaskSharing, BetweenEqualScoresKeepsTheLowerColumns) {
  EXPECT_EQ(chosen({5, 5, 5, 5}, 4, 2, Kind::kRows), (Keep{1, 1, 0, 0}));
  EXPECT_EQ(chosen({5, 5, 5, 5}, 4, 2, Kind::kPairs), (Keep{1, 1, 0, 0}));
  EXPECT_EQ(chosen({0, 0, 0, 0, 0, 0, 0, 0}, 4, 1, Kind::kPairs), (Keep{1, 0, 0, 0, 1, 0, 0, 0}));
}

TEST(MaskSharing, LetsEachRowPickOfAPairThatIsSharedOnce) {
  EXPECT_EQ(chosen({9, 1, 0, 0, /**/ 1, 9, 0, 0}, 4, 1, Kind::kPairs), (Keep{1, 0, 0, 0, 0, 1, 0, 0}));
}

const std::vector<Pattern> kSharedPatterns = {{1, 2}, {1, 4}, {2, 4}, {3, 4}, {1, 8}, {2, 8}, {3, 8}, {4, 8}, {8, 16}};

TEST(MaskSharing, BySingleRowsIsWhatEachRowChoosesForItself) {
  for (const Pattern pattern : kSharedPatterns)
    for (const std::int64_t n_in : {8, 23, 64})
      for (const Kind kind : {Kind::kRows, Kind::kPairs}) {
        const Floats weights = random_scores(static_cast<std::size_t>(7 * n_in), 3);
        const Floats norms = random_scores(static_cast<std::size_t>(n_in), 4);
        Floats own = weights, shared = weights;
        ASSERT_TRUE(apply_nm(own, n_in, norms, pattern));
        ASSERT_TRUE(apply_nm(shared, n_in, norms, pattern, {kind, 1}));
        EXPECT_EQ(own, shared) << pattern.name() << " of " << n_in;
      }
}

TEST(MaskSharing, OfAMatrixHoldsThePatternAndIsOneChoicePerGroupOfRows) {
  constexpr std::size_t kInputs = 40, kRows = 10;
  std::mt19937 random(5);
  std::normal_distribution<float> normal;
  Floats dense(kRows * kInputs);
  for (float& weight : dense) weight = normal(random);
  for (const Pattern pattern : kSharedPatterns)
    for (const std::size_t rows : {4, 32}) {  // a last group of 2; all in one
      Floats pruned = dense;
      ASSERT_TRUE(apply_nm(pruned, kInputs, {}, pattern, {Kind::kPairs, static_cast<std::int64_t>(rows)}));
      EXPECT_FALSE(zero_statistics(pruned, kInputs, {&pattern, 1}).satisfied.empty());
      for (std::size_t first = 0; first < kRows; first += rows)
        for (std::size_t j = 0; j < kInputs; j += static_cast<std::size_t>(pattern.m)) {
          const std::size_t width = std::min(static_cast<std::size_t>(pattern.m), kInputs - j);
          Keep keep;
          for (std::size_t row = first; row < std::min(first + rows, kRows); ++row)
            for (std::size_t k = j; k < j + width; ++k) keep.push_back(pruned[row * kInputs + k] != 0);
          EXPECT_LE(pairs_needed(keep, width), kept_of_group(pattern, static_cast<int>(width))) << pattern.name();
        }
    }
}

TEST(MaskSharing, CostsMoreTheMoreRowsShare) {
  Floats weights(64 * 64);
  std::mt19937 random(6);
  std::normal_distribution<float> normal;
  for (float& weight : weights) weight = normal(random);
  for (const Kind kind : {Kind::kRows, Kind::kPairs}) {
    double before = 1e9;
    for (const std::int64_t rows : {1, 2, 8, 64}) {  // each group is whole groups of the ones before
      Floats pruned = weights;
      ASSERT_TRUE(apply_nm(pruned, 64, {}, {2, 4}, {kind, rows}));
      double kept = 0;
      for (const float weight : pruned) kept += static_cast<double>(weight) * weight;
      EXPECT_LT(kept, before);
      before = kept;
    }
  }
}

TEST(MaskSharing, NamesTheWeightThatIsNotFinite) {
  Floats weights(6 * 8, 1);
  weights[3 * 8 + 5] = std::nanf("");
  const auto refused = apply_nm(weights, 8, {}, {2, 4}, {Kind::kPairs, 4});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().what.find("row 3, column 5"), std::string::npos);
}

TEST(MaskSharing, OfPairsIsRefusedForAnOddM) {
  Floats weights(6, 1);
  EXPECT_FALSE(apply_nm(weights, 6, {}, {2, 3}, {Kind::kPairs, 2}));
  EXPECT_TRUE(apply_nm(weights, 6, {}, {2, 3}, {Kind::kRows, 2}));
}

TEST(MaskSharing, IsReadAsItIsWritten) {
  for (const std::string text : {"row", "rows:4", "pairs:32"})
    EXPECT_EQ(name(parse_mask_granularity(text).value()), text);
  for (const std::string text :
       {"", "rows", "rows:", "rows:0", "pairs:4097", "pairs:4x", "columns:4", "pairs:-1", ":4"})
    EXPECT_FALSE(parse_mask_granularity(text)) << text;
  EXPECT_EQ(parse_mask_granularity("pairs").error().line(),
            "unknown mask granularity 'pairs'; use row, rows:G or pairs:G with G from 1 to 4096");
}

}  // namespace
}  // namespace sparsecim
