#include "hardware/workload.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <map>
#include <random>

#include "sparsity/mask.hpp"

namespace sparsecim {
namespace {

using ::testing::ElementsAre;

TEST(MaskStatistics, CountsKeptWeightsOneBitsAndTheFullestGroups) {
  // Two rows of 8. Row 0 quantises to {127, 0, 0, 0, -127, 64, 0, 0}: 7 + 2 + 1 ones. Row 1 is zero.
  const std::vector<float> weights = {2, 0, 0, 0, -2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  const MaskStatistics statistics = mask_statistics(weights, 8);
  EXPECT_EQ(statistics.nonzero, 3);
  EXPECT_EQ(statistics.one_bits, 10);
  EXPECT_THAT(statistics.most_kept, ElementsAre(2, 2, 3, 3));
}

TEST(MaskStatistics, AgreesWithCountingOneWeightAfterTheOther) {
  std::mt19937 random(11);
  std::normal_distribution<float> normal;
  for (const std::int64_t n_inputs : {1, 2, 7, 16, 33, 100}) {
    std::vector<float> weights(static_cast<std::size_t>(5 * n_inputs));
    for (float& weight : weights) weight = random() % 3 ? normal(random) : 0;
    MaskStatistics expected{.most_kept = {}};
    for (std::int64_t row = 0; row < 5; ++row) {
      const auto* values = &weights[static_cast<std::size_t>(row * n_inputs)];
      double largest = 0;
      for (std::int64_t i = 0; i < n_inputs; ++i) largest = std::max(largest, std::abs(double{values[i]}));
      std::map<std::pair<int, std::int64_t>, int> groups;
      for (std::int64_t i = 0; i < n_inputs; ++i) {
        if (values[i] == 0) continue;
        ++expected.nonzero;
        expected.one_bits += std::popcount(static_cast<std::uint8_t>(std::lround(127 * (values[i] / largest))));
        for (std::size_t size = 0; size < 4; ++size) {
          const int kept = ++groups[{static_cast<int>(size), i / MaskStatistics::kGroupSizes[size]}];
          expected.most_kept[size] = std::max(expected.most_kept[size], kept);
        }
      }
    }
    const MaskStatistics counted = mask_statistics(weights, n_inputs);
    EXPECT_EQ(counted.nonzero, expected.nonzero);
    EXPECT_NEAR(counted.one_bits, expected.one_bits, 2) << "ties of rounding";
    EXPECT_EQ(counted.most_kept, expected.most_kept);
  }
}

TEST(MaskStatistics, OfARaggedRowCountsItsLastShortGroup) {
  const std::vector<float> weights = {0, 0, 0, 0, 1, 1};
  EXPECT_THAT(mask_statistics(weights, 6).most_kept, ElementsAre(2, 2, 2, 2));
}

TEST(MaskStatistics, CountsThePairsThatOutputsNeedBetweenThem) {
  // Both of pair 0; one of pair 0, the other; one of pair 1 in the second group of two.
  const std::vector<float> weights = {1, 2, 0, 0, /**/ 0, 3, 0, 0, /**/ 0, 0, 0, 4, /**/ 5, 0, 0, 0, /**/ 0, 0, 1, 1};
  const MaskStatistics counted = mask_statistics(weights, 4);
  EXPECT_EQ(counted.pairs_needed(1, 4), 2);
  EXPECT_EQ(counted.pairs_needed(2, 4), 2) << "the third and the fourth need one each, the last stands alone";
  EXPECT_EQ(counted.pairs_needed(4, 4), 3);
  EXPECT_EQ(counted.pairs_needed(8, 4), 4);
  EXPECT_EQ(counted.pairs_needed(3, 4), 4) << "not counted: all";
  EXPECT_EQ(counted.pairs_needed(2, 32), 32);
}

TEST(MaskStatistics, FindsOutWhetherOutputsSharePairsAsPruningForItDoes) {
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  std::vector<float> dense(100 * 72);
  for (float& weight : dense) weight = normal(random);
  for (const Pattern pattern : {Pattern{2, 4}, {1, 4}, {2, 8}, {4, 8}, {3, 8}, {8, 16}})
    for (const int group : {2, 8, 32, 64}) {
      std::vector<float> shared = dense, own = dense;
      ASSERT_TRUE(apply_nm(shared, 72, {}, pattern, {MaskSharing::Kind::kPairs, group}));
      ASSERT_TRUE(apply_nm(own, 72, {}, pattern));
      EXPECT_EQ(mask_statistics(shared, 72).pairs_needed(group, pattern.m), pattern.n) << pattern.name();
      EXPECT_GT(mask_statistics(own, 72).pairs_needed(group, pattern.m), pattern.n) << pattern.name();
    }
}

TEST(Operation, WithoutCountedWeightsKeepsEverySlotOfItsPattern) {
  Operation operation{.name = "up", .n_tokens = 3, .n_inputs = 10, .n_outputs = 7, .pattern = {2, 4}};
  EXPECT_EQ(operation.nonzero_weights(), 7 * (2 + 2 + 1));
  EXPECT_DOUBLE_EQ(operation.weight_one_bits(), 0.5 * 8 * 35);
  EXPECT_EQ(operation.dense_macs(), 210);
  operation.weights = MaskStatistics{.nonzero = 30, .one_bits = 77};
  EXPECT_EQ(operation.nonzero_weights(), 30);
  EXPECT_DOUBLE_EQ(operation.weight_one_bits(), 77);
}

Workload workload_of(const Operation& operation) { return {.name = "w", .operations = {operation}}; }

TEST(Workload, IsRefusedWithTheNameOfTheOperationThatCannotBe) {
  Operation good{.name = "up", .n_tokens = 3, .n_inputs = 16, .n_outputs = 7};
  EXPECT_TRUE(validate(workload_of(good)));
  EXPECT_FALSE(validate(Workload{.name = "empty"}));
  Operation bad = good;
  bad.n_inputs = 0;
  EXPECT_EQ(validate(workload_of(bad)).error().what, "up: inputs is 0, outside 1 .. 2147483648");
  bad.n_inputs = bad.n_outputs = bad.n_tokens = 1 << 30;
  EXPECT_FALSE(validate(workload_of(bad))) << "the product overflows";
}

TEST(Workload, IsRefusedWhenStatisticsContradictTheShape) {
  Operation operation{.name = "up", .n_inputs = 16, .n_outputs = 7};
  operation.weights = MaskStatistics{.nonzero = 112, .one_bits = 896};
  EXPECT_TRUE(validate(workload_of(operation)));
  operation.weights->nonzero = 113;
  EXPECT_FALSE(validate(workload_of(operation)));
  operation.weights = MaskStatistics{.nonzero = 10, .one_bits = 81};
  EXPECT_FALSE(validate(workload_of(operation)));
  operation.weights = MaskStatistics{.nonzero = 10, .one_bits = 40, .row_parts = {1, 0, 0}};
  EXPECT_FALSE(validate(workload_of(operation))) << "one part of several rows";
  operation.weights.reset();
  operation.activity.activation_toggle = std::numeric_limits<double>::quiet_NaN();
  EXPECT_FALSE(validate(workload_of(operation)));
  operation.activity.activation_toggle = 0.5;
  operation.activity.word_toggle = 1.5;
  EXPECT_FALSE(validate(workload_of(operation)));
  operation.activity.word_toggle = 0.5;
  operation.pattern = {5, 4};
  EXPECT_FALSE(validate(workload_of(operation)));
}

}  // namespace
}  // namespace sparsecim
