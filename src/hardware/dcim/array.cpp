#include "hardware/dcim/array.hpp"

#include <algorithm>

#include "hardware/components/accumulator.hpp"
#include "hardware/components/clock.hpp"
#include "hardware/components/gates.hpp"
#include "hardware/components/memories.hpp"

namespace sparsecim {
namespace {

double as_double(std::int64_t value) { return static_cast<double>(value); }

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

/// The accumulator's part of a path, behind what it adds.
void add_accumulation(const MacroArray& array, std::vector<Path::Step>& steps) {
  steps.push_back({&kCarryOutDelay, 1});
  steps.push_back({&kCarryDelay, accumulator_carries(array)});
}

/// Registers beside the merging trees: of the merged sum of a column, or of what each sub-macro's tree gives it.
std::int64_t merging_register_bits(const MacroArray& array) {
  return array.merges_planes() ? array.sub_macros * array.tree().result_bits() : array.merge().result_bits();
}

/// An AND of each bit of a tree's result, which keeps it out of the accumulator in a plane that is held.
std::int64_t blocking_gates(const MacroArray& array) {
  return array.sub_macros * array.columns * array.tree().result_bits();
}

/// Operands from registers change by `changes` of their bits, where fresh ones change by a half.
double merging_activity(double changes) { return kFreshOperandActivity * changes / 0.5; }

/// Once a pass, or once a plane.
void add_merging_events(const MacroArray& array, const ArrayWork& work, double changes, std::vector<Event>& events) {
  const double merges = work.column_passes * as_double(array.merges_planes() ? array.activation_bits : 1);
  const double bits = merges * as_double(merging_register_bits(array));
  events.push_back({"merging", &kFullAdder, merges * tree_full_adder_events(array.merge(), merging_activity(changes))});
  events.push_back({"merging", &kFlipFlop, bits * changes});
  events.push_back({"clock", &kClockPin, bits});
}

/// The detector's first level sees the planes as they come; behind it is, nearly always, a one. A blocking gate sees
/// the tree's result change, at one of its two inputs.
void add_detection_events(const MacroArray& array, const ArrayWork& work, double tree, std::vector<Event>& events) {
  if (!array.holds_zero_planes()) return;
  const double planes = as_double(array.activation_bits);
  const double result_bits = work.column_passes * as_double(array.sub_macros * array.tree().result_bits());
  events.push_back({"zero-plane detection", &kNand2, work.input_deliveries * planes * work.plane_toggle / 2});
  events.push_back({"zero-plane detection", &kNand2, result_bits * planes * tree / 2});
}

}  // namespace

void ArrayWork::take(const Activity& activity, std::int64_t pass_inputs, bool hold) {
  const Activity of_pass = activity.of_groups(pass_inputs);
  plane_toggle = of_pass.activation_toggle;
  line_toggle = hold ? of_pass.held_toggle : of_pass.activation_toggle;
  word_toggle = of_pass.word_toggle;
  resting_planes = hold ? of_pass.zero_planes : of_pass.idle_planes;
}

void MacroArray::add_parts(std::vector<Part>& parts) const {
  const std::int64_t trees = sub_macros * columns, column_sums = accumulators_of_column() * columns;
  parts.push_back({"cells", &kCimCell, as_double(words() * weight_bits)});
  parts.push_back({"multipliers", &kNorMultiplier, as_double(words() * weight_bits)});
  parts.push_back({"adder trees", &kFullAdder, as_double(trees * tree().full_adders())});
  parts.push_back({"accumulators", &kFullAdder, as_double(column_sums * accumulator_bits())});
  parts.push_back({"accumulators", &kFlipFlop, as_double(column_sums * accumulator_bits())});
  parts.push_back({"accumulators", &kXor2, as_double(column_sums * accumulator_bits())});
  parts.push_back(
      {"partial-sum entries", &kFlipFlop, as_double(column_sums * accumulator_bits() * partial_sum_entries)});
  parts.push_back({"control", &kFullAdder, kControlBits});
  parts.push_back({"control", &kFlipFlop, kControlBits});
  if (sub_macros > 1) {
    parts.push_back({"merging", &kFullAdder, as_double(columns * merge().full_adders())});
    parts.push_back({"merging", &kFlipFlop, as_double(columns * merging_register_bits(*this))});
  }
  if (holds_zero_planes()) parts.push_back({"zero-plane detection", &kNand2, as_double(blocking_gates(*this))});
}

void MacroArray::add_paths(std::vector<Path>& paths, const std::vector<Path::Step>& ahead) const {
  Path plane{"multiply, adder tree, accumulate", ahead};
  plane.steps.push_back({&kNorDelay, 1});
  for (const Path::Step& step : tree_steps(tree())) plane.steps.push_back(step);
  if (holds_zero_planes()) plane.steps.push_back({&kNandDelay, 1});
  Path merging{"merge sub-macros", tree_steps(merge())};
  if (merges_planes()) {
    plane.name = "multiply, adder tree";
    merging.name = "merge planes, accumulate";
    add_accumulation(*this, merging.steps);
  } else {
    add_accumulation(*this, plane.steps);
  }
  paths.push_back(plane);
  if (sub_macros > 1) paths.push_back(merging);
}

void add_array_events(const MacroArray& array, const ArrayWork& work, std::vector<Event>& events) {
  const double planes = as_double(array.activation_bits);
  const double trees = work.column_passes * as_double(array.sub_macros);
  const double sums = work.column_passes * as_double(array.accumulators_of_column());
  const double sum_bits = as_double(array.accumulator_bits());
  const AdderTree tree = array.tree();
  const double busy = 1 - work.resting_planes;
  // A product bit changes where its weight bit is one and the activation changes, in the planes that are not at rest.
  const double products = busy > 0 ? work.weight_ones * std::min(1.0, work.line_toggle / busy) : 0;
  const double last = busy * tree_activity(tree, products).back();
  const double changes = sum_change(last);
  const double added =
      array.merges_planes() ? busy * tree_activity(array.merge(), merging_activity(changes)).back() : last;
  const AccumulatorActivity accumulator = accumulator_activity(added);
  events.push_back(
      {"multipliers", &kNorMultiplier, work.fed_words * as_double(array.weight_bits) * planes * work.line_toggle});
  events.push_back({"adder trees", &kFullAdder, trees * planes * busy * tree_full_adder_events(tree, products)});
  events.push_back({"accumulators", &kFullAdder, sums * planes * sum_bits * accumulator.full_adder});
  events.push_back({"accumulators", &kFlipFlop, sums * planes * sum_bits * accumulator.register_bits});
  events.push_back({"accumulators", &kXor2, sums * planes * sum_bits * accumulator.invert});
  events.push_back({"partial-sum entries", &kFlipFlop, sums * sum_bits * changes});
  events.push_back({"clock", &kClockPin, sums * sum_bits * (planes + 1)});
  events.push_back({"control", &kFlipFlop, work.tile_passes * planes});  // a counter changes about one bit a cycle
  events.push_back({"clock", &kClockPin, work.tile_passes * planes * kControlBits});
  if (array.sub_macros > 1) add_merging_events(array, work, array.merges_planes() ? busy * changes : changes, events);
  add_detection_events(array, work, last, events);
}

}  // namespace sparsecim
