#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "hardware/analog/parameters.hpp"
#include "hardware/analog/phase.hpp"
#include "hardware/machine.hpp"

namespace sparsecim {

/// Crossbars that hold all matrices of a model (no weight ever moves), dense or as Monarch matrices of the same shapes;
/// attention is on a digital vector unit. A cycle is a step of time (schedule.step_ns), not a clock's.
class AnalogMachine : public Machine {
 public:
  AnalogMachine(const AnalogParameters& parameters, Json shown);

  std::string_view kind() const override { return "analog"; }
  bool runs_factors() const override { return true; }
  Result<Mapping> map(const Workload& workload) const override;
  Run run(const Workload& workload, const Mapping& mapping, Fidelity fidelity) const override;
  Inventory inventory(const Mapping& mapping) const override;
  Json parameters() const override { return shown_; }

  /// Errors: matrices that blocks do not divide or arrays do not hold, by operation; too many tiles.
  Result<AnalogWork> place_all(const Workload& workload) const;
  const ArrayTimes& times() const { return times_; }
  double step_ns() const { return parameters_.time_step_ns; }

 private:
  /// Of factors under linear, which maps dense matrices, whole blocks on the diagonals.
  CellMapping mapping_of(const Operation& operation) const;
  Result<std::vector<std::shared_ptr<const Layout>>> layouts_of(const Operation& operation,
                                                                std::optional<MonarchShape>& shape) const;
  Result<void> check_countable(const Workload& workload, const AnalogWork& work) const;
  void map_matrices(const Workload& workload, const AnalogWork& work, Mapping& mapping) const;
  void add_figures(const Workload& workload, const AnalogWork& work, Mapping& mapping) const;
  std::vector<Part> converter_parts(const AnalogWork& work) const;
  OperationRun attention(const Operation& operation, std::int64_t start) const;
  void run_phase(const Workload& workload, const AnalogWork& work, std::size_t phase, Fidelity fidelity,
                 Run& run) const;
  void add_events(const TokenCounts& count, double tokens, std::vector<Event>& events) const;
  std::vector<MacroUse> macro_use(const Workload& workload, const AnalogWork& work, std::int64_t macros) const;

  AnalogParameters parameters_;
  ArrayTimes times_;
  Json shown_;
  Delay step_;
  Cost cell_, empty_cell_;
  std::vector<Cost> converters_;  // by bits
};

Result<std::unique_ptr<Machine>> make_analog(const std::string& path, const std::vector<Setting>& settings);

/// The commands for one token of the operation and those that run with it. Errors: another kind of machine, no such
/// operation on arrays; those of AnalogMachine::place_all.
Result<CommandStream> analog_stream(const Machine& machine, const Workload& workload, std::string_view operation);
/// The name of the first operation that is on arrays; empty where none is.
std::string first_matrix(const Workload& workload);

/// The first `arrays` arrays as SVG: which cells hold which matrix, block and stage, and in which step they work. Of
/// densemap-b, whose cells lie apart, two at most. Errors: as analog_stream.
Result<std::string> analog_picture(const Machine& machine, const Workload& workload, std::int64_t arrays);
/// When the same arrays work for which matrix, stage and token, in the same colours: of the first `phases` phases the
/// first few tokens. Errors: as analog_stream.
Result<std::string> analog_timeline(const Machine& machine, const Workload& workload, std::int64_t arrays,
                                    std::size_t phases);

}  // namespace sparsecim
