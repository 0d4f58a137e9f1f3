#pragma once

#include <memory>

#include "hardware/dcim/macro_uses.hpp"
#include "hardware/dcim/schedule.hpp"
#include "hardware/dcim/system.hpp"
#include "hardware/dcim/tile_array.hpp"
#include "hardware/machine.hpp"

namespace sparsecim {

/// What distinguishes one machine of tiles from another: which patterns it runs and how inputs reach its multipliers.
class InputStage {
 public:
  virtual ~InputStage() = default;
  virtual std::span<const Pattern> patterns() const = 0;
  /// Inputs of a full tile.
  virtual std::int64_t inputs_per_pass(Pattern pattern) const = 0;
  /// Position bits that are stored for a slot, over `outputs` outputs.
  virtual std::int64_t position_bits(Pattern pattern, std::int64_t outputs) const = 0;
  /// Position bits that every cell word has room for.
  virtual std::int64_t cell_position_bits() const = 0;
  /// Of a pass of `inputs` <= inputs_per_pass inputs.
  virtual PassPath path(Pattern pattern, std::int64_t inputs) const = 0;
  /// Where rows of a tile can run at patterns of their own: the pattern whose columns they are packed into, and how
  /// many of these the parts of all rows take.
  struct PackedRows {
    Pattern pattern;
    double columns;
  };
  virtual std::optional<PackedRows> packed_rows(const Operation&) const { return {}; }
  /// Errors: an operation that the stage cannot serve.
  virtual Result<void> check(const Operation&, Pattern) const { return {}; }
  virtual void add_parts(std::vector<Part>& parts) const = 0;
  /// Steps between the last register of an activation bit and the multiplier.
  virtual std::vector<Path::Step> steps_to_multiplier() const = 0;
  virtual void add_paths(std::vector<Path>& paths) const = 0;
  virtual void add_events(Pattern pattern, const ArrayWork& work, std::vector<Event>& events) const = 0;
};

/// Tiles of an output that hold as many inputs each.
struct InputTiles {
  std::int64_t count = 0;
  std::int64_t inputs = 0;  // of all of them
};

/// A chip of equal macros that tiles of weights are loaded into: tiles, schedule, memories and link are the same
/// whatever a macro is built of (TileArray) and however its inputs reach it (InputStage).
class DcimMachine : public Machine {
 public:
  DcimMachine(std::string_view kind, std::unique_ptr<const TileArray> array, SystemParameters system,
              std::unique_ptr<const InputStage> stage, Json parameters);

  std::string_view kind() const override { return kind_; }
  Result<Mapping> map(const Workload& workload) const override;
  Run run(const Workload& workload, const Mapping& mapping, Fidelity fidelity) const override;
  Inventory inventory(const Mapping& mapping) const override;
  Json parameters() const override { return parameters_; }

 private:
  bool on_macros(const Operation& operation) const;
  /// Of attention: in its last step.
  Result<Placement> place(const Operation& operation) const;
  /// Lets rows run at patterns of their own, where that takes fewer tiles.
  void pack_rows(const Operation& operation, Placement& placement) const;
  /// At least the cycles that it takes: for refusing what could overflow.
  double most_cycles(const Operation& operation, const Placement& placement) const;
  void size_system(const Workload& workload, Mapping& mapping) const;
  std::int64_t chunk_tokens(const Operation& operation, const Placement& placement) const;
  LinearWork work_of(const Operation& operation, const Placement& placement) const;
  OperationRun run_linear(const Operation& operation, const Placement& placement, Schedule& schedule,
                          MacroUses& uses) const;
  /// Attention by keys and values that are written into macros.
  OperationRun run_written(const Operation& operation, const Placement& last_step, Schedule& schedule,
                           MacroUses& uses) const;
  OperationRun run_on_vector_unit(const Operation& operation, Schedule& schedule) const;
  ArrayWork array_work(const Operation& operation, const Placement& placement, const InputTiles& tiles,
                       double seen) const;
  void add_events(const Operation& operation, const Placement& placement, std::int64_t loads,
                  std::vector<Event>& events) const;
  std::vector<Path> paths() const;

  std::string_view kind_;
  std::unique_ptr<const TileArray> array_;
  TileShape shape_;  // of array_
  SystemParameters system_;
  std::unique_ptr<const InputStage> stage_;
  Json parameters_;
  double clock_ns_;
};

}  // namespace sparsecim
