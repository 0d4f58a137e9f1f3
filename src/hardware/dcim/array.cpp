#include "hardware/dcim/array.hpp"

#include "hardware/components/clock.hpp"
#include "hardware/components/gates.hpp"
#include "hardware/components/memories.hpp"

namespace sparsecim {
namespace {

/// The accumulator's carries above the tree's result, one per bit plane shifted in but the first: with the NOR and one
/// input-to-carry they complete the path of a plane (the published sums of this gate model follow: 3.76 ns at 128 rows,
/// 3.11 ns at 32).
std::int64_t accumulator_carries(const MacroArray& array) { return array.activation_bits - 1; }

/// Counters of tokens (32 bits), rows being loaded (16) and planes, with as many bits of state again: no published
/// macro states its controller.
constexpr double kControlBits = 64;

std::vector<Path::Step> tree_steps(const AdderTree& tree) {
  return {{&kSumDelay, tree.levels() - 1}, {&kCarryOutDelay, 1}, {&kCarryDelay, tree.carries_on_path()}};
}

}  // namespace

void MacroArray::add_parts(std::vector<Part>& parts) const {
  const auto count = [](std::int64_t value) { return static_cast<double>(value); };
  const std::int64_t column_sums = sub_macros * columns;
  parts.push_back({"cells", &kCimCell, count(words() * weight_bits)});
  parts.push_back({"multipliers", &kNorMultiplier, count(words() * weight_bits)});
  parts.push_back({"adder trees", &kFullAdder, count(column_sums * tree().full_adders())});
  parts.push_back({"accumulators", &kFullAdder, count(column_sums * accumulator_bits())});
  parts.push_back({"accumulators", &kFlipFlop, count(column_sums * accumulator_bits())});
  parts.push_back({"partial-sum entries", &kFlipFlop, count(column_sums * accumulator_bits() * partial_sum_entries)});
  parts.push_back({"control", &kFullAdder, kControlBits});
  parts.push_back({"control", &kFlipFlop, kControlBits});
  if (sub_macros > 1) parts.push_back({"merging", &kFullAdder, count(columns * merge().full_adders())});
}

void MacroArray::add_paths(std::vector<Path>& paths, const std::vector<Path::Step>& ahead) const {
  Path plane{"multiply, adder tree, accumulate", ahead};
  plane.steps.push_back({&kNorDelay, 1});
  for (const Path::Step& step : tree_steps(tree())) plane.steps.push_back(step);
  plane.steps.push_back({&kCarryOutDelay, 1});
  plane.steps.push_back({&kCarryDelay, accumulator_carries(*this)});
  paths.push_back(plane);
  if (sub_macros > 1) paths.push_back({"merge sub-macros", tree_steps(merge())});
}

void add_array_events(const MacroArray& array, const ArrayWork& work, std::vector<Event>& events) {
  const auto planes = static_cast<double>(array.activation_bits);
  const double sums = work.column_passes * static_cast<double>(array.sub_macros);
  const double sum_bits = static_cast<double>(array.accumulator_bits());
  const AdderTree tree = array.tree();
  const std::vector<double> activity = tree_activity(tree.levels() + 1, work.weight_ones, work.activation_toggle);
  events.push_back({"multipliers", &kNorMultiplier, work.product_bit_changes});
  events.push_back({"adder trees", &kFullAdder,
                    sums * planes * tree_full_adder_events(tree, work.weight_ones, work.activation_toggle)});
  events.push_back({"accumulators", &kFullAdder, sums * planes * sum_bits * activity.back()});
  events.push_back({"accumulators", &kFlipFlop, sums * planes * sum_bits});
  events.push_back({"partial-sum entries", &kFlipFlop, sums * sum_bits});
  events.push_back({"clock", &kClockPin, sums * sum_bits * (planes + 1)});
  events.push_back({"control", &kFlipFlop, work.tile_passes * planes});  // a counter changes about one bit a cycle
  events.push_back({"clock", &kClockPin, work.tile_passes * planes * kControlBits});
  if (array.sub_macros == 1) return;
  const double merges = work.column_passes * static_cast<double>(array.merge().full_adders());
  events.push_back({"merging", &kFullAdder, merges * activity_behind(activity.back())});
}

}  // namespace sparsecim
