#include "hardware/components/adder_tree.hpp"

#include <gtest/gtest.h>

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "hardware/components/accumulator.hpp"
#include "hardware/components/gates.hpp"
#include "hardware/components/timed_gates.hpp"

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

/// A column of a macro, gate by gate: weights times bits, a tree, and a shift-accumulator with its register.
class TimedColumn {
 public:
  TimedColumn(std::vector<std::int64_t> weights, double toggle, std::uint64_t seed)
      : weights_(std::move(weights)),
        tree_(gates_, weights_.size(), 8),
        bits_(weights_.size()),
        flip_(toggle),
        random_(seed) {
    invert_ = gates_.net();
    TimedGates::Net carry = invert_;  // -x is the inverse of x, and one
    for (std::size_t bit = 0; bit < tree_.result.size() + 8; ++bit) {
      held_.push_back(gates_.net());
      const TimedGates::Net operand = tree_.result[std::min(bit, tree_.result.size() - 1)];
      const auto adder = gates_.full_adder(held_.back(), operand, carry, accumulator());
      sum_.push_back(adder.sum);
      carry = adder.carry;
    }
    register_.resize(held_.size());
    gates_.start();
  }

  /// The accumulated sums of `passes` passes of eight planes are right.
  void run(int passes) {
    for (int pass = 0; pass < passes; ++pass) {
      std::int64_t expected = 0;
      for (int plane = 0; plane < 8; ++plane) expected = 2 * expected + (plane == 0 ? -1 : 1) * step(plane);
      expected_.push_back(expected);
      sums_.push_back(clock_register());
    }
  }
  const std::vector<std::int64_t>& expected() const { return expected_; }
  const std::vector<std::int64_t>& sums() const { return sums_; }

  int levels() const { return tree_.levels; }
  /// Full-adder events per plane of a level, or of the accumulator's adder.
  double events(int group) const { return gates_.full_adder_events(group) / steps(); }
  int accumulator() const { return tree_.levels + 1; }
  double accumulator_bits() const { return static_cast<double>(register_.size()); }
  double register_changes() const { return register_changes_ / steps() / accumulator_bits(); }

 private:
  double steps() const { return 8.0 * static_cast<double>(sums_.size()); }

  std::int64_t clock_register() {
    std::int64_t value = 0;
    for (std::size_t bit = 0; bit < sum_.size(); ++bit) {
      const bool now = gates_.value(sum_[bit]);
      register_changes_ += now != register_[bit];
      register_[bit] = now;
      value |= static_cast<std::int64_t>(now) << bit;
    }
    const std::int64_t sign = std::int64_t{1} << (sum_.size() - 1);
    return (value ^ sign) - sign;
  }

  /// One plane; the plane's sum of weights.
  std::int64_t step(int plane) {
    if (plane > 0) clock_register();
    gates_.set(invert_, plane == 1);
    for (std::size_t bit = 0; bit < held_.size(); ++bit) {
      const bool shifted = bit > 0 && register_[bit - 1];
      gates_.set(held_[bit], plane == 0 ? false : plane == 1 ? !shifted : shifted);
    }
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      bits_[i] ^= flip_(random_);
      sum += bits_[i] ? weights_[i] : 0;
      for (int bit = 0; bit < 8; ++bit)
        gates_.set(tree_.inputs[i][static_cast<std::size_t>(bit)], bits_[i] && (weights_[i] >> bit & 1));
    }
    gates_.settle();
    return sum;
  }

  std::vector<std::int64_t> weights_;
  TimedGates gates_;
  TimedTree tree_;
  std::vector<int> bits_;
  std::bernoulli_distribution flip_;
  std::mt19937_64 random_;
  TimedGates::Net invert_ = 0;
  std::vector<TimedGates::Net> held_, sum_;  // accumulator's operand from the register; its result
  std::vector<bool> register_;
  std::vector<std::int64_t> expected_, sums_;
  double register_changes_ = 0;
};

TEST(TimedGates, MultiplyAndAccumulate) {
  std::mt19937_64 random(3);
  TimedColumn column(normal_weights(16, 0.7, random), 0.5, 4);
  column.run(50);
  EXPECT_EQ(column.sums(), column.expected());
}

TEST(TreeActivity, FollowsASimulationOfEveryGateWithinTwentyPerCent) {
  std::mt19937_64 random(7);
  for (const std::size_t inputs : {32u, 128u})
    for (const double density : {1.0, 0.5, 0.25, 0.125})
      for (const double toggle : {0.5, 0.25}) {
        SCOPED_TRACE(fmt::format("{} inputs, density {}, toggle {}", inputs, density, toggle));
        const AdderTree tree{static_cast<std::int64_t>(inputs), 8};
        double measured = 0, modelled = 0;
        double sums_measured = 0, sums_modelled = 0, bits_measured = 0, bits_modelled = 0;
        for (int trial = 0; trial < 8; ++trial) {
          const auto weights = normal_weights(inputs, density, random);
          TimedColumn column(weights, toggle, random());
          column.run(5);
          const double first = ones_of(weights) * toggle;
          for (int level = 1; level <= column.levels(); ++level) measured += column.events(level);
          modelled += tree_full_adder_events(tree, first);
          const AccumulatorActivity accumulator = accumulator_activity(tree_activity(tree, first).back());
          sums_measured += column.events(column.accumulator());
          sums_modelled += accumulator.full_adder * column.accumulator_bits();
          bits_measured += column.register_changes();
          bits_modelled += accumulator.register_bits;
        }
        EXPECT_NEAR(modelled / measured, 1, 0.20);
        EXPECT_NEAR(sums_modelled / sums_measured, 1, 0.20) << "accumulator's adder";
        EXPECT_NEAR(bits_modelled / bits_measured, 1, 0.20) << "accumulator's register";
      }
}

/// Full-adder events of an evaluation of a tree whose inputs' bits are free to change with `toggle` where they are not
/// masked.
double timed_tree_events(const AdderTree& tree, double ones, double toggle, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::bernoulli_distribution flip(toggle), one(ones);
  TimedGates gates;
  TimedTree timed(gates, static_cast<std::size_t>(tree.inputs), static_cast<int>(tree.bits), tree.bits > 2);
  std::vector<TimedGates::Net> live;
  for (const auto& input : timed.inputs)
    for (const TimedGates::Net net : input)
      if (one(random)) live.push_back(net);
  gates.start();
  constexpr int kEvaluations = 60;
  for (int evaluation = 0; evaluation < kEvaluations; ++evaluation) {
    for (const TimedGates::Net net : live)
      if (flip(random)) gates.set(net, !gates.value(net));
    gates.settle();
  }
  double events = 0;
  for (int level = 1; level <= tree.levels(); ++level) events += gates.full_adder_events(level);
  return events / kEvaluations;
}

TEST(TreeActivity, HoldsForNarrowAndWideOperands) {
  for (const std::int64_t bits : {2, 4, 9, 16})
    for (const std::int64_t inputs : {8, 32, 128}) {
      const AdderTree tree{inputs, bits};
      double measured = 0;
      for (std::uint64_t seed = 0; seed < 6; ++seed) measured += timed_tree_events(tree, 0.5, 0.5, seed) / 6;
      EXPECT_NEAR(tree_full_adder_events(tree, 0.25) / measured, 1, 0.20) << inputs << " inputs of " << bits << " bits";
    }
}

TEST(TreeActivity, OfSumsOutOfRegistersStartsWithFreshOperands) {
  for (const std::int64_t inputs : {2, 4, 8}) {
    const AdderTree merge{inputs, 21};
    EXPECT_NEAR(tree_full_adder_events(merge, kFreshOperandActivity) / timed_tree_events(merge, 1, 0.5, 1), 1, 0.15);
  }
}

TEST(TreeActivity, IsNothingWhereNothingChangesAndGrowsWithTheInputs) {
  const AdderTree tree{32, 8};
  EXPECT_EQ(tree_full_adder_events(tree, 0), 0);
  double before = 0;
  for (const double first : {0.005, 0.05, 0.125, 0.25, 1.0}) {
    const double events = tree_full_adder_events(tree, first);
    EXPECT_GT(events, before);
    before = events;
  }
}

TEST(AccumulatorActivity, IsOnlyTheInvertingWhereTheTreeIsAtRest) {
  const AccumulatorActivity rest = accumulator_activity(0);
  EXPECT_EQ(rest.register_bits, 0);
  EXPECT_EQ(sum_change(0), 0);
  TimedColumn column(std::vector<std::int64_t>(32, 0), 0.5, 1);
  column.run(20);
  EXPECT_NEAR(rest.full_adder, column.events(column.accumulator()) / column.accumulator_bits(), 0.05);
}

}  // namespace
}  // namespace sparsecim
