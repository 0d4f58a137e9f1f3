#include "hardware/components/adder_tree.hpp"

#include <algorithm>
#include <bit>

#include "base/check.hpp"

namespace sparsecim {
namespace {
constexpr double kSaturation = 0.45;
}

int AdderTree::levels() const {
  SC_CHECK(inputs >= 1 && std::has_single_bit(static_cast<std::uint64_t>(inputs)));
  return std::countr_zero(static_cast<std::uint64_t>(inputs));
}

std::int64_t AdderTree::full_adders_of_level(int level) const { return (inputs >> level) * (bits + level - 1); }

std::int64_t AdderTree::full_adders() const { return inputs * (bits + 1) - (bits + levels() + 1); }

std::int64_t AdderTree::carries_on_path() const { return bits + levels() - 2; }

double activity_behind(double activity) {
  return activity < kSaturation ? 2 * activity * (1 - activity / (2 * kSaturation)) : kSaturation;
}

std::vector<double> tree_activity(int levels, double weight_ones, double activation_toggle) {
  std::vector<double> activity(static_cast<std::size_t>(levels));
  double share = std::min(1.0, weight_ones * activation_toggle * (2 + 1.2 * weight_ones) / 3);
  for (double& level : activity) {
    level = share;
    share = activity_behind(share);
  }
  return activity;
}

double tree_full_adder_events(const AdderTree& tree, double weight_ones, double activation_toggle) {
  const std::vector<double> activity = tree_activity(tree.levels(), weight_ones, activation_toggle);
  double events = 0;
  for (int level = 1; level <= tree.levels(); ++level)
    events += static_cast<double>(tree.full_adders_of_level(level)) * activity[static_cast<std::size_t>(level - 1)];
  return events;
}

}  // namespace sparsecim
