#include "hardware/components/adder_tree.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/check.hpp"

namespace sparsecim {
namespace {
/// Growth of activity per level, by bit of carry chain, and where longer chains add nothing.
constexpr double kGrowthPerBit = 0.025, kMostGrowth = 0.38;
}  // namespace

int AdderTree::levels() const {
  SC_CHECK(inputs >= 1 && std::has_single_bit(static_cast<std::uint64_t>(inputs)));
  return std::countr_zero(static_cast<std::uint64_t>(inputs));
}

std::int64_t AdderTree::full_adders_of_level(int level) const { return (inputs >> level) * operand_bits(level); }

std::int64_t AdderTree::full_adders() const { return inputs * (bits + 1) - (bits + levels() + 1); }

std::int64_t AdderTree::carries_on_path() const { return bits + levels() - 2; }

double activity_behind(double activity, std::int64_t operand_bits) {
  const double growth = std::min(kGrowthPerBit * static_cast<double>(operand_bits), kMostGrowth);
  return activity + growth * (1 - std::exp(-activity / growth));
}

std::vector<double> tree_activity(const AdderTree& tree, double first) {
  std::vector<double> activity(static_cast<std::size_t>(tree.levels()));
  double now = first;
  for (std::size_t i = 0; i < activity.size(); ++i) {
    activity[i] = now;
    now = activity_behind(now, tree.operand_bits(static_cast<int>(i) + 1));
  }
  return activity;
}

double tree_full_adder_events(const AdderTree& tree, double first) {
  const std::vector<double> activity = tree_activity(tree, first);
  double events = 0;
  for (int level = 1; level <= tree.levels(); ++level)
    events += static_cast<double>(tree.full_adders_of_level(level)) * activity[static_cast<std::size_t>(level - 1)];
  return events;
}

}  // namespace sparsecim
