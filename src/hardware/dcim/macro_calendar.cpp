#include "hardware/dcim/macro_calendar.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "hardware/tiling.hpp"

namespace sparsecim {
namespace {

/// Fetches plane after plane, each in words of its own, and multiplies each in the cycle after its last word. A port
/// wider than a plane delivers one plane a cycle, when it is needed: a line has one flip-flop.
void walk_planes(const PassPath& path, PassSteps& steps) {
  const std::int64_t plane_bits = path.inputs * path.activation_bits / path.planes;
  std::int64_t cycle = 0;
  for (std::int64_t plane = 0; plane < path.planes; ++plane) {
    for (std::int64_t bits = 0; bits < plane_bits; bits += path.port_bits) ++cycle;
    if (plane == 0) steps.uses[PassSteps::kColumns].begin = cycle;
  }
  steps.uses[PassSteps::kPort] = {0, cycle};
  steps.uses[PassSteps::kColumns].end = cycle + 1;
}

/// Fetches the row groups, a port's width each, and multiplies when the last is there.
void walk_row_groups(const PassPath& path, PassSteps& steps) {
  std::int64_t cycle = 0;
  for (std::int64_t bits = 0; bits < path.inputs * path.activation_bits; bits += path.port_bits) ++cycle;
  steps.uses[PassSteps::kPort] = {0, cycle};
  steps.uses[PassSteps::kColumns] = {cycle, cycle + path.planes};
}

}  // namespace

PassSteps walk_pass(const PassPath& path) {
  PassSteps steps;
  if (path.fetch == PassPath::Fetch::kByPlane)
    walk_planes(path, steps);
  else
    walk_row_groups(path, steps);
  const auto [first_multiply, first_column_done] = steps.uses[PassSteps::kColumns];
  steps.uses[PassSteps::kPairs] = {first_multiply, first_multiply + path.pair_cycles};
  steps.all_columns_done = first_column_done + path.pair_cycles - 1;
  steps.result = steps.all_columns_done + path.registers;
  if (path.sum_cycles > 0) {
    steps.uses[PassSteps::kSums] = {steps.result, steps.result + path.sum_cycles};
    steps.result += path.sum_cycles + kSumRegisters;
  }
  steps.uses[PassSteps::kLink] = {steps.result, steps.result + path.link_cycles};
  return steps;
}

std::int64_t MacroCalendar::earliest_load() const { return std::max(at_[kSwitched], at_[kLoaded]); }

void MacroCalendar::load(std::int64_t begin, std::int64_t cycles) {
  SC_CHECK(begin >= earliest_load());
  at_[kLoaded] = begin + cycles;
}

std::int64_t MacroCalendar::earliest_launch(const PassSteps& pass, bool first_of_tile) const {
  std::int64_t cycle = at_[kInputs];
  for (std::size_t i = 0; i < PassSteps::kResources; ++i) cycle = std::max(cycle, at_[i] - pass.uses[i].begin);
  if (!first_of_tile) return cycle;
  const std::int64_t change = std::max(at_[kLoaded], at_[kColumnsDone]);
  return std::max(cycle, change - pass.uses[PassSteps::kColumns].begin);
}

void MacroCalendar::launch(const PassSteps& pass, bool first_of_tile, std::int64_t cycle) {
  SC_CHECK(can_launch(pass, first_of_tile, cycle));
  for (std::size_t i = 0; i < PassSteps::kResources; ++i)
    if (pass.uses[i].end > pass.uses[i].begin) at_[i] = cycle + pass.uses[i].end;
  if (first_of_tile) at_[kSwitched] = cycle + pass.uses[PassSteps::kColumns].begin;
  at_[kColumnsDone] = cycle + pass.all_columns_done;
  at_[kLaunched] = cycle;
  at_[kResult] = cycle + pass.result;
}

bool MacroCalendar::repeats(const MacroCalendar& before) const {
  const std::int64_t period = at_[kLaunched] - before.at_[kLaunched];
  for (std::size_t i = 0; i < kTimes; ++i) {
    const std::int64_t moved = at_[i] - before.at_[i];
    const bool over = moved == 0 && at_[i] <= before.at_[kLaunched];  // hinders nothing that is launched later
    if (moved != period && !over) return false;
  }
  return true;
}

void MacroCalendar::repeat(const MacroCalendar& before, std::int64_t times) {
  for (std::size_t i = 0; i < kTimes; ++i) at_[i] += times * (at_[i] - before.at_[i]);
}

}  // namespace sparsecim
