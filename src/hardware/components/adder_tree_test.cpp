#include "hardware/components/adder_tree.hpp"

#include <gtest/gtest.h>

#include <bit>
#include <cstdint>
#include <random>
#include <vector>

#include "hardware/components/gates.hpp"

namespace sparsecim {
namespace {

struct PublishedTree {
  std::int64_t inputs, full_adders;
  double area_um2, energy_pj, delay_ns;
};

TEST(AdderTree, HasThePublishedSizeEnergyAndDelay) {
  const PublishedTree published[] = {{32, 274, 1312, .93, 2.18},
                                     {64, 561, 2687, 1.91, 2.51},
                                     {128, 1136, 5441, 3.86, 2.83},
                                     {256, 2287, 10953, 7.78, 3.16}};
  for (const PublishedTree& expected : published) {
    const AdderTree tree{expected.inputs, 8};
    const auto adders = static_cast<double>(tree.full_adders());
    EXPECT_EQ(tree.full_adders(), expected.full_adders);
    EXPECT_NEAR(adders * kFullAdder.area_um2.nominal, expected.area_um2, 1);
    EXPECT_NEAR(adders * kFullAdder.energy_fj.nominal / 1000, expected.energy_pj, 0.006);
    const double delay_ps = (tree.levels() - 1) * kSumDelay.delay_ps.nominal + kCarryOutDelay.delay_ps.nominal +
                            static_cast<double>(tree.carries_on_path()) * kCarryDelay.delay_ps.nominal;
    EXPECT_NEAR(delay_ps / 1000, expected.delay_ns, 0.006);
  }
}

TEST(AdderTree, HasTheAddersOfItsLevels) {
  for (const std::int64_t inputs : {2, 4, 16, 128})
    for (const std::int64_t bits : {1, 8, 21}) {
      const AdderTree tree{inputs, bits};
      std::int64_t adders = 0;
      for (int level = 1; level <= tree.levels(); ++level) adders += tree.full_adders_of_level(level);
      EXPECT_EQ(adders, tree.full_adders());
    }
}

/// A tree of ripple-carry adders over weight * bit, bit by bit: the oracle of tree_activity. Zero-delay, no glitches.
class BitTrueTree {
 public:
  BitTrueTree(std::vector<std::int64_t> weights, double toggle, std::uint64_t seed)
      : weights_(std::move(weights)), bits_(weights_.size()), flip_(toggle), random_(seed) {}

  /// Share of full-adder inputs of each level that change between planes, over `planes` planes.
  std::vector<double> measure(int planes) {
    std::vector<double> changed, total;
    std::vector<std::vector<std::uint64_t>> before = inputs_by_level();
    for (int plane = 0; plane < planes; ++plane) {
      for (std::size_t i = 0; i < bits_.size(); ++i) bits_[i] ^= flip_(random_);
      const auto now = inputs_by_level();
      changed.resize(now.size()), total.resize(now.size());
      for (std::size_t level = 0; level < now.size(); ++level)
        for (std::size_t i = 0; i < now[level].size(); ++i) {
          changed[level] += std::popcount(now[level][i] ^ before[level][i]);
          total[level] += 8.0 + static_cast<double>(level);
        }
      before = now;
    }
    for (std::size_t level = 0; level < changed.size(); ++level) changed[level] /= total[level];
    return changed;
  }

 private:
  /// Both operands and the carries into every bit, one word each, of every adder of every level.
  std::vector<std::vector<std::uint64_t>> inputs_by_level() const {
    std::vector<std::int64_t> values;
    for (std::size_t i = 0; i < weights_.size(); ++i) values.push_back(bits_[i] ? weights_[i] : 0);
    std::vector<std::vector<std::uint64_t>> levels;
    for (int width = 8; values.size() > 1; ++width) {
      const std::uint64_t mask = (1ull << width) - 1;
      std::vector<std::uint64_t> words;
      std::vector<std::int64_t> sums;
      for (std::size_t i = 0; i < values.size(); i += 2) {
        const std::uint64_t a = static_cast<std::uint64_t>(values[i]) & mask;
        const std::uint64_t b = static_cast<std::uint64_t>(values[i + 1]) & mask;
        words.insert(words.end(), {a, b, ((a + b) ^ a ^ b) & mask});
        sums.push_back(values[i] + values[i + 1]);
      }
      levels.push_back(std::move(words));
      values = std::move(sums);
    }
    return levels;
  }

  std::vector<std::int64_t> weights_;
  std::vector<int> bits_;
  std::bernoulli_distribution flip_;
  std::mt19937_64 random_;
};

std::vector<std::int64_t> normal_weights(std::size_t size, double density, std::mt19937_64& random) {
  std::normal_distribution<double> normal(0, 30);
  std::bernoulli_distribution kept(density);
  std::vector<std::int64_t> weights(size);
  for (auto& weight : weights)
    weight = kept(random) ? std::clamp<std::int64_t>(std::lround(normal(random)), -127, 127) : 0;
  return weights;
}

double ones_of(const std::vector<std::int64_t>& weights) {
  int ones = 0;
  for (const std::int64_t weight : weights) ones += std::popcount(static_cast<std::uint8_t>(weight));
  return ones / (8.0 * static_cast<double>(weights.size()));
}

TEST(TreeActivity, FollowsABitTrueSimulationWithinFifteenPerCent) {
  std::mt19937_64 random(7);
  for (const std::size_t inputs : {32u, 128u})
    for (const double density : {1.0, 0.5, 0.25, 0.125})
      for (const double toggle : {0.5, 0.25}) {
        const AdderTree tree{static_cast<std::int64_t>(inputs), 8};
        double measured = 0, modelled = 0;
        for (int trial = 0; trial < 20; ++trial) {
          const auto weights = normal_weights(inputs, density, random);
          const auto activity = BitTrueTree(weights, toggle, random()).measure(40);
          for (int level = 1; level <= tree.levels(); ++level)
            measured +=
                static_cast<double>(tree.full_adders_of_level(level)) * activity[static_cast<std::size_t>(level - 1)];
          modelled += tree_full_adder_events(tree, ones_of(weights), toggle);
        }
        EXPECT_NEAR(modelled / measured, 1, 0.15) << inputs << " inputs, density " << density << ", toggle " << toggle;
      }
}

TEST(TreeActivity, IsNothingWhereNothingChangesAndGrowsWithBothShares) {
  const AdderTree tree{32, 8};
  EXPECT_EQ(tree_full_adder_events(tree, 0, 0.5), 0);
  EXPECT_EQ(tree_full_adder_events(tree, 0.5, 0), 0);
  double before = 0;
  for (const double ones : {0.01, 0.1, 0.25, 0.5}) {
    const double events = tree_full_adder_events(tree, ones, 0.5);
    EXPECT_GT(events, before);
    before = events;
  }
  EXPECT_LE(tree_full_adder_events(tree, 1, 1), static_cast<double>(tree.full_adders()));
}

}  // namespace
}  // namespace sparsecim
