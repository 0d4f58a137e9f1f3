#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "hardware/analog/schedule.hpp"
#include "hardware/machine.hpp"

// What the arrays do for one token in one phase, matrix by matrix: times, and what is counted for energy.

namespace sparsecim {

/// A workload's matrices in their arrays. An operation may be several: query, key and value in one.
struct AnalogWork {
  AnalogPlan plan;
  std::vector<std::size_t> operations;              // of each matrix of the plan
  std::vector<std::optional<MonarchShape>> shapes;  // none: dense
  std::vector<std::vector<std::size_t>> phases;     // the matrices of each, one behind the other

  std::size_t stages_in(std::size_t phase) const { return buffers_of(plan, phases[phase]).stages; }
  /// The operations of a phase: neighbours in the workload.
  std::size_t first_operation(std::size_t phase) const { return operations[phases[phase].front()]; }
  std::size_t n_operations(std::size_t phase) const {
    return operations[phases[phase].back()] - first_operation(phase) + 1;
  }
};

/// By array, what it works for one token in each stage of a phase.
struct PhaseLoad {
  std::map<std::int64_t, std::vector<std::int64_t>> of_array;
  std::vector<double> of_operation;  // array time by the operations that it is for
  std::size_t stages = 0;

  /// All stages of one token, one after the other.
  std::int64_t in_turn() const;
  /// Between two tokens once all stages are at work.
  std::int64_t interval(bool overlap) const;
  std::int64_t total(std::int64_t tokens, bool overlap) const { return in_turn() + (tokens - 1) * interval(overlap); }
};
PhaseLoad load_of(const AnalogWork& work, std::size_t phase, const ArrayTimes& times);
/// Of all stages.
std::int64_t sum_of(const std::vector<std::int64_t>& load);

/// PhaseLoad::total by executing the commands of a few tokens: once all stages are at work, tokens follow at equal
/// distance. `shown` receives what was executed.
std::int64_t executed_total(const AnalogWork& work, std::size_t phase, std::int64_t tokens, const ArrayTimes& times,
                            StreamTime& shown);
/// Arrays in a row that work from the same time to the same time, as spans that begin at `start`.
std::vector<Span> array_spans(const StreamTime& timed, std::int64_t start, const std::string& detail);

/// What is counted for one operation and one token, over all slices of weights.
struct TokenCounts {
  double rows = 0, input_bits = 0;  // driven, in all planes; read for them
  double cells = 0, empty_cells = 0;
  std::map<std::int64_t, double> conversions;  // by bits
  double stored = 0, accumulated = 0;          // outputs

  double all_conversions() const;
};
/// By the operations of the phase.
std::vector<TokenCounts> counts_of(const AnalogWork& work, std::size_t phase);

}  // namespace sparsecim
