#include "sparsity/allocate.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <tuple>

#include "sparsity/pattern.hpp"

namespace sparsecim {
namespace {

using Layers = std::vector<std::vector<Choice>>;

std::vector<Choice> layer_of(std::int64_t n_out, std::int64_t n_in, std::span<const Pattern> patterns,
                             const std::vector<double>& costs) {
  std::vector<Choice> layer;
  for (std::size_t c = 0; c < patterns.size(); ++c)
    layer.push_back({patterns[c], n_out * (n_in - kept_per_row(patterns[c], n_in)), costs[c]});
  return layer;
}

/// What makes one plan better than another, written down as the header says it.
struct Standing {
  std::int64_t zeros = 0;
  double cost = 0;
  std::int64_t minus_sum_of_m = 0;
  std::vector<std::pair<int, int>> minus_m_and_n;  // by layer
  auto operator<=>(const Standing&) const = default;
};

Standing standing_of(const Layers& layers, const std::vector<std::size_t>& chosen) {
  Standing standing;
  for (std::size_t layer = 0; layer < layers.size(); ++layer) {
    const Choice& choice = layers[layer][chosen[layer]];
    standing.zeros += choice.zeros;
    standing.cost += choice.cost;
    standing.minus_sum_of_m -= choice.pattern.m;
    standing.minus_m_and_n.emplace_back(-choice.pattern.m, -choice.pattern.n);
  }
  return standing;
}

/// The best standing among all plans with at least `min_zeros`; where only cost counts, none has more zeros than
/// another.
Standing brute_force(const Layers& layers, std::int64_t min_zeros, Goal goal = Goal::kFewestZeros) {
  std::vector<std::size_t> chosen(layers.size(), 0);
  Standing best{.zeros = std::numeric_limits<std::int64_t>::max(), .minus_m_and_n = {}};
  for (bool more = true; more;) {
    Standing standing = standing_of(layers, chosen);
    const bool enough = standing.zeros >= min_zeros;
    if (goal == Goal::kLeastCost) standing.zeros = 0;
    if (enough && standing < best) best = std::move(standing);
    more = false;
    for (std::size_t layer = 0; layer < layers.size() && !more; ++layer) {
      more = ++chosen[layer] < layers[layer].size();
      if (!more) chosen[layer] = 0;
    }
  }
  return best;
}

std::int64_t most_zeros(const Layers& layers) {
  std::int64_t zeros = 0;
  for (const auto& layer : layers) zeros += std::ranges::max_element(layer, {}, &Choice::zeros)->zeros;
  return zeros;
}

/// Costs are multiples of 1/8 and few, so that sums are exact in double and ties abound.
Layers random_layers(std::mt19937& random, std::span<const Pattern> patterns, bool partial_groups) {
  Layers layers;
  for (int layer = 0; layer < 6; ++layer) {
    std::vector<double> costs;
    for (std::size_t c = 0; c < patterns.size(); ++c) costs.push_back(static_cast<double>(random() % 24) / 8);
    const std::int64_t n_in = partial_groups ? 1 + random() % 37 : 8 * (1 + random() % 3);
    layers.push_back(layer_of(1 + random() % 4, n_in, patterns, costs));
  }
  return layers;
}

void expect_best(const Layers& layers, std::int64_t min_zeros) {
  const auto allocation = allocate(layers, min_zeros);
  ASSERT_TRUE(allocation) << allocation.error().line();
  const Standing found = standing_of(layers, allocation->chosen), best = brute_force(layers, min_zeros);
  EXPECT_EQ(found.zeros, best.zeros);
  EXPECT_EQ(found.cost, best.cost);
  EXPECT_EQ(found.minus_sum_of_m, best.minus_sum_of_m);
  EXPECT_EQ(found.minus_m_and_n, best.minus_m_and_n);
  EXPECT_EQ(allocation->zeros, found.zeros);
  EXPECT_EQ(allocation->cost, found.cost);
}

TEST(Allocation, FindsTheSamePlanAsBruteForceOnEveryInstanceOfSixLayers) {
  std::mt19937 random(1);
  for (int trial = 0; trial < 300; ++trial) {
    const Layers layers = random_layers(random, default_patterns(), trial % 2 == 1);
    expect_best(layers, static_cast<std::int64_t>(random() % static_cast<unsigned>(most_zeros(layers) + 1)));
  }
}

TEST(Allocation, FindsTheSamePlanAsBruteForceAmongAllHardwarePatterns) {
  std::mt19937 random(2);
  for (int trial = 0; trial < 6; ++trial) {
    const Layers layers = random_layers(random, hardware_patterns(), trial % 2 == 1);
    expect_best(layers, static_cast<std::int64_t>(random() % static_cast<unsigned>(most_zeros(layers) + 1)));
  }
}

TEST(Allocation, AtLeastCostFindsTheSamePlanAsBruteForceHoweverManyZerosItHas) {
  std::mt19937 random(12);
  int sparser = 0;
  for (int trial = 0; trial < 300; ++trial) {
    const Layers layers = random_layers(random, default_patterns(), trial % 2 == 1);
    const auto min_zeros = static_cast<std::int64_t>(random() % static_cast<unsigned>(most_zeros(layers) + 1));
    const auto allocation = allocate(layers, min_zeros, Goal::kLeastCost).value();
    EXPECT_GE(allocation.zeros, min_zeros);
    Standing found = standing_of(layers, allocation.chosen);
    found.zeros = 0;
    EXPECT_EQ(found, brute_force(layers, min_zeros, Goal::kLeastCost)) << "trial " << trial;
    sparser += allocation.zeros > allocate(layers, min_zeros)->zeros;
  }
  EXPECT_GT(sparser, 30) << "the goals differ";
}

TEST(Allocation, ReachesBothEndsOfTheBudget) {
  std::mt19937 random(3);
  const Layers layers = random_layers(random, default_patterns(), true);
  expect_best(layers, 0);
  expect_best(layers, most_zeros(layers));
}

TEST(Allocation, PrefersTheSmallestReachableSumToALowerCost) {
  const Pattern patterns[] = {{8, 8}, {4, 8}, {2, 8}};
  const Layers layers = {layer_of(1, 8, patterns, {9, 5, 0}), layer_of(1, 8, patterns, {9, 5, 0})};
  const auto allocation = allocate(layers, 7).value();  // 8 zeros are reachable: 4 + 4
  EXPECT_EQ(allocation.zeros, 8);
  EXPECT_EQ(allocation.chosen, (std::vector<std::size_t>{1, 1}));
}

TEST(Allocation, BreaksTiesByLargerMAndThenByTheEarlierLayer) {
  const Pattern patterns[] = {{2, 4}, {4, 8}, {2, 8}};
  const Layers same = {layer_of(1, 16, patterns, {1, 1, 1}), layer_of(1, 16, patterns, {1, 1, 1})};
  EXPECT_EQ(allocate(same, 16)->chosen, (std::vector<std::size_t>{1, 1})) << "4:8 before 2:4";
  EXPECT_EQ(allocate(same, 20)->chosen, (std::vector<std::size_t>{1, 2})) << "the earlier layer keeps more";
  const Pattern two_m[] = {{1, 4}, {4, 8}};
  const Layers mixed(2, layer_of(1, 8, two_m, {1, 1}));
  EXPECT_EQ(allocate(mixed, 10)->chosen, (std::vector<std::size_t>{1, 0})) << "the earlier layer has the larger M";
  const Layers sums = {{{{8, 8}, 0, 0}, {{2, 4}, 4, 0}}, {{{4, 8}, 4, 0}, {{1, 2}, 8, 0}}};
  EXPECT_EQ(allocate(sums, 8)->chosen, (std::vector<std::size_t>{1, 0})) << "4 + 8 before 8 + 2";
}

/// 0.3 + (0.2 + 0.1) exceeds 0.1 + (0.2 + 0.3) in double: the same choices in another order must still tie.
TEST(Allocation, HoldsTiesTogetherWhereSumsOfCostsRoundDifferently) {
  const Pattern patterns[] = {{8, 8}, {4, 8}, {2, 8}};
  const Layers layers(3, layer_of(1, 8, patterns, {0.3, 0.2, 0.1}));
  EXPECT_EQ(allocate(layers, 10)->chosen, (std::vector<std::size_t>{0, 1, 2}));
}

TEST(Allocation, RefusesATableThatWouldNotFit) {
  Layers layers(100);
  std::int64_t prime = 1'000'003;
  for (auto& layer : layers) layer = {{{8, 8}, 0, 0}, {{4, 8}, prime, 0}, {{2, 8}, prime + 1, 0}}, prime += 2;
  EXPECT_EQ(allocate(layers, 50'000'000).error().remedy, "choose by block, or among fewer patterns");
}

}  // namespace
}  // namespace sparsecim
