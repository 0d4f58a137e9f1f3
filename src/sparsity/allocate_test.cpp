#include "sparsity/allocate.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
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

/// The best standing among all plans with at least `min_zeros`.
Standing brute_force(const Layers& layers, std::int64_t min_zeros) {
  std::vector<std::size_t> chosen(layers.size(), 0);
  Standing best{.zeros = std::numeric_limits<std::int64_t>::max(), .minus_m_and_n = {}};
  for (bool more = true; more;) {
    Standing standing = standing_of(layers, chosen);
    if (standing.zeros >= min_zeros && standing < best) best = std::move(standing);
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

/// 224 matrices (7 of each of 32 blocks, LLaMA-3-8B's shapes) x 9 patterns.
TEST(Allocation, OfTwoHundredMatricesTakesAFifthOfASecond) {
  std::vector<Pattern> patterns = {{8, 8}};
  for (int n = 1; n < 8; ++n) patterns.push_back({n, 8});
  patterns.push_back({2, 4});
  std::mt19937 random(4);
  Layers layers;
  for (int block = 0; block < 32; ++block)
    for (const auto& [n_out, n_in] : std::vector<std::pair<int, int>>{
             {4096, 4096}, {1024, 4096}, {1024, 4096}, {4096, 4096}, {14336, 4096}, {14336, 4096}, {4096, 14336}}) {
      std::vector<double> costs(patterns.size());
      for (double& cost : costs) cost = std::uniform_real_distribution<>(0, 40)(random);
      layers.push_back(layer_of(n_out, n_in, patterns, costs));
    }
  const std::int64_t weights = 32LL * 4096 * (2 * 4096 + 2 * 1024 + 3 * 14336);
  const auto start = std::chrono::steady_clock::now();
  const auto allocation = allocate(layers, weights * 6 / 10);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  ASSERT_TRUE(allocation);
  EXPECT_GE(allocation->zeros, weights * 6 / 10);
  EXPECT_LT(static_cast<double>(allocation->zeros - weights * 6 / 10) / static_cast<double>(weights), 1e-4);
  RecordProperty("seconds", std::to_string(seconds));
  EXPECT_LT(seconds, 2) << "ten times what it takes, for slow machines";
}

}  // namespace
}  // namespace sparsecim
