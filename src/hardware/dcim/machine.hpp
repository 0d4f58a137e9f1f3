#pragma once

#include <algorithm>
#include <memory>

#include "hardware/dcim/system.hpp"
#include "hardware/dcim/tile_array.hpp"
#include "hardware/machine.hpp"

namespace sparsecim {

/// How one macro takes a pass: one token through one tile.
struct PassTiming {
  std::int64_t initiation_interval = 0;  // cycles between two passes
  std::int64_t fill = 0;                 // cycles from the first fetch of a pass to its result
  std::string_view bound;                // what sets the interval
};

/// What distinguishes one machine of tiles from another: which patterns it runs and how inputs reach its multipliers.
class InputStage {
 public:
  virtual ~InputStage() = default;
  virtual std::span<const Pattern> patterns() const = 0;
  /// Inputs of a full tile.
  virtual std::int64_t inputs_per_pass(Pattern pattern) const = 0;
  /// Position bits beside every stored weight.
  virtual std::int64_t position_bits(Pattern pattern) const = 0;
  /// Position bits that every cell word has room for.
  virtual std::int64_t cell_position_bits() const = 0;
  /// Of a pass of `inputs` <= inputs_per_pass inputs.
  virtual PassTiming timing(Pattern pattern, std::int64_t inputs) const = 0;
  /// Errors: an operation that the stage cannot serve.
  virtual Result<void> check(const Operation&, Pattern) const { return {}; }
  virtual void add_parts(std::vector<Part>& parts) const = 0;
  /// Steps between the last register of an activation bit and the multiplier.
  virtual std::vector<Path::Step> steps_to_multiplier() const = 0;
  virtual void add_paths(std::vector<Path>& paths) const = 0;
  virtual void add_events(Pattern pattern, const ArrayWork& work, std::vector<Event>& events) const = 0;
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
  /// The pace of one operation. Tokens go through a loaded tile in chunks that the partial-sum SRAM can hold, as
  /// equal as can be, larger ones first; a step is one chunk through one tile.
  struct Pace {
    PassTiming timing;
    std::int64_t chunks;
    std::int64_t last_step_start;  // in cycles after the first step's, on a macro with tiles_per_macro tiles
    std::int64_t end;              // cycles from the first step to the last result
    std::int64_t dram_stream = 0;  // cycles that the weights stream in, where that takes longer than everything else
    std::int64_t next_loaded;      // cycles from the first step until what comes next is loaded
    std::string_view bound;
    /// Cycles from one repetition to the next.
    std::int64_t period() const { return std::max({end, next_loaded, dram_stream}); }
    /// Cycles of all repetitions.
    std::int64_t cycles(std::int64_t count) const { return (count - 1) * period() + std::max(end, dram_stream); }
  };

  Result<Placement> place(const Operation& operation) const;
  /// At least the cycles that pace() and run() come to: for refusing what could overflow.
  double most_cycles(const Operation& operation, const Placement& placement) const;
  void size_system(const Workload& workload, Mapping& mapping) const;
  std::int64_t chunk_tokens(const Operation& operation, const Placement& placement) const;
  double dram_cycles(const Placement& placement, std::int64_t chunks) const;
  Pace pace(const Operation& operation, const Placement& placement) const;
  OperationRun run_linear(const Operation& operation, const Placement& placement, const Pace& pace) const;
  OperationRun run_attention(const Operation& operation) const;
  void wait_for_dram(const Placement& placement, Pace& pace) const;
  void add_events(const Operation& operation, const Placement& placement, const Pace& pace,
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
