#include "hardware/analog/phase.hpp"

#include <algorithm>
#include <tuple>

namespace sparsecim {
namespace {

std::int64_t longest_of(const PhaseLoad& load, std::size_t stage) {
  std::int64_t most = 0;
  for (const auto& [array, times] : load.of_array) most = std::max(most, times[stage]);
  return most;
}

/// Adds what a pass does to the counts of its tiles' operations; activations are the first tile's.
void count_pass(const AnalogWork& work, const ArrayPass& pass, std::size_t stage, std::size_t first_operation,
                std::vector<TokenCounts>& counts) {
  const NumberFormat& format = work.plan.format;
  const auto planes = static_cast<double>(format.planes(stage) * format.slices());
  const auto input_bits = static_cast<double>(stage == 0 ? format.input_bits : format.middle_bits);
  for (const ServedTile& tile : pass.tiles) {
    const Layout& layout = *work.plan.matrices[tile.matrix].stages[stage];
    TokenCounts& count = counts[work.operations[tile.matrix] - first_operation];
    const LayoutStep step = layout.step(tile.tile, tile.diagonal, 0);
    const auto steps = static_cast<double>(layout.steps(tile.tile));
    const auto rows = static_cast<double>(step.rows.count), columns = static_cast<double>(step.columns.count);
    if (&tile == &pass.tiles.front()) {
      count.rows += steps * rows * planes;
      count.input_bits += steps * rows * input_bits;
    }
    const bool sparse = layout.mapping() == CellMapping::kSparse;
    const double used = sparse ? rows * static_cast<double>(layout.stage().outputs) : rows * columns;
    count.cells += steps * used * planes;
    count.empty_cells += steps * (rows * columns - used) * planes;
    count.conversions[converter_code(layout, format, work.plan.converters).bits] += steps * columns * planes;
    (layout.accumulates() ? count.accumulated : count.stored) += steps * columns;
  }
}

}  // namespace

std::int64_t sum_of(const std::vector<std::int64_t>& load) {
  std::int64_t all = 0;
  for (const std::int64_t time : load) all += time;
  return all;
}

std::int64_t PhaseLoad::in_turn() const {
  std::int64_t all = 0;
  for (std::size_t stage = 0; stage < stages; ++stage) all += longest_of(*this, stage);
  return all;
}

std::int64_t PhaseLoad::interval(bool overlap) const {
  if (!overlap) return in_turn();
  std::int64_t most = 0;
  for (const auto& [array, times] : of_array) most = std::max(most, sum_of(times));
  return most;
}

PhaseLoad load_of(const AnalogWork& work, std::size_t phase, const ArrayTimes& times) {
  PhaseLoad load{
      .of_array = {}, .of_operation = std::vector<double>(work.n_operations(phase)), .stages = work.stages_in(phase)};
  for (std::size_t stage = 0; stage < load.stages; ++stage)
    for (const ArrayPass& pass : passes_of(work.plan.matrices, work.plan.placed, work.phases[phase], stage)) {
      const std::int64_t time = pass_time(work.plan, pass, stage, times);
      auto& of_array = load.of_array[pass.array];
      of_array.resize(load.stages);
      of_array[stage] += time;
      const double each = static_cast<double>(time) / static_cast<double>(pass.tiles.size());
      for (const ServedTile& tile : pass.tiles)
        load.of_operation[work.operations[tile.matrix] - work.first_operation(phase)] += each;
    }
  return load;
}

std::int64_t executed_total(const AnalogWork& work, std::size_t phase, std::int64_t tokens, const ArrayTimes& times,
                            StreamTime& shown) {
  const std::int64_t few = std::min(tokens, static_cast<std::int64_t>(work.stages_in(phase)) + 1);
  shown = time_of(schedule(work.plan, work.phases[phase], few), times);
  if (few == tokens) return shown.total;
  const std::int64_t less = time_of(schedule(work.plan, work.phases[phase], few - 1), times).total;
  return shown.total + (tokens - few) * (shown.total - less);
}

std::vector<Span> array_spans(const StreamTime& timed, std::int64_t start, const std::string& detail) {
  std::vector<StreamTime::Interval> intervals = timed.intervals;
  std::ranges::sort(intervals, {}, [](const auto& i) { return std::tuple(i.start, i.array); });
  std::vector<Span> spans;
  for (const StreamTime::Interval& i : intervals) {
    if (!spans.empty() && spans.back().last_unit + 1 == i.array && spans.back().start_cycle == start + i.start &&
        spans.back().cycles == i.end - i.start)
      ++spans.back().last_unit;
    else
      spans.push_back({kMacros, i.array, i.array, start + i.start, i.end - i.start, "compute", detail});
  }
  return spans;
}

double TokenCounts::all_conversions() const {
  double all = 0;
  for (const auto& [bits, number] : conversions) all += number;
  return all;
}

std::vector<TokenCounts> counts_of(const AnalogWork& work, std::size_t phase) {
  std::vector<TokenCounts> counts(work.n_operations(phase));
  for (std::size_t stage = 0; stage < work.stages_in(phase); ++stage)
    for (const ArrayPass& pass : passes_of(work.plan.matrices, work.plan.placed, work.phases[phase], stage))
      count_pass(work, pass, stage, work.first_operation(phase), counts);
  return counts;
}

}  // namespace sparsecim
