#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "hardware/components/cost.hpp"
#include "hardware/workload.hpp"

namespace sparsecim {

/// How an answer is found. Every rung gives the same kind of Run, and is tested against the next.
enum class Fidelity {
  kClosedForm,  // formulas
  kCycle,       // a walk from event to event: the same cycles, and a timeline of every step
};
inline constexpr std::string_view kFidelityNames[] = {"closed-form", "cycle"};

/// Where one operation goes: a grid of tiles, each one macro's worth of weights, dealt out to macros in equal runs.
struct Placement {
  Pattern pattern;               // the native pattern that it runs as
  std::int64_t input_tiles = 0;  // 0: not on macros (attention)
  std::int64_t output_tiles = 0;
  /// Rows of a tile run at patterns of their own: columns of `pattern` that they take in a tile column, on the average
  /// over input tiles. 0: all weights run as `pattern`.
  std::int64_t packed_columns = 0;
  std::int64_t inputs_per_tile = 0;
  std::int64_t outputs_per_tile = 0;
  std::int64_t tiles_per_macro = 0;  // one after the other; the last macro may have fewer
  std::int64_t macros_used = 0;
  std::int64_t side_by_side = 1;  // independent products at work at once, each on macros_used macros
  std::int64_t first_macro = 0;   // where every tile has a macro of its own, behind those of the operations before
  std::int64_t stored_bits = 0;   // of the operation's weights and their positions
  double cell_share = 0;          // with Mapping::cells: of its arrays' cells, those that hold its weights
  std::int64_t tiles() const { return input_tiles * output_tiles; }
};

/// Something that happens `count` times in `component`; what it costs is the price list's business.
struct Event {
  std::string_view component;  // "adder trees"
  const Cost* cost;            // outlives the run: a constant, or owned by the machine
  double count;
};

/// `instances` of a component, for area, leakage and the list of parts.
struct Part {
  std::string_view component;
  const Cost* cost;
  double instances;
};

struct Mapping {
  std::vector<Placement> placements;  // one per operation of the workload
  std::int64_t macros = 0;
  std::int64_t weight_sram_bits = 0;  // that the workload needs on chip
  std::int64_t activation_sram_bits = 0;
  std::vector<std::string> notes;
  /// Where weights stay in their cells: those that hold some, and all. Utilization is then their share, and not that of
  /// multiplies in time.
  struct Cells {
    double used = 0, all = 0;
  };
  std::optional<Cells> cells = {};
  std::vector<Part> macro_parts = {};  // of a macro on the average, where macros differ by what they hold
  Json figures = Json::object();       // numbers of this kind of machine alone, for the top of a result
};

inline constexpr std::string_view kMacros = "macros";

/// What a group of equal units does for a while.
struct Span {
  std::string_view resource;  // kMacros, "weight SRAM", "activation SRAM", "dram", "link", "vector unit"
  std::int64_t first_unit, last_unit;
  std::int64_t start_cycle, cycles;
  std::string_view activity;  // "compute", "load weights"
  std::string detail = {};    // "110 more tiles, 4096 cycles each"
};

/// One operation's share of a run.
struct OperationRun {
  std::int64_t start_cycle = 0;
  std::int64_t cycles = 0;
  std::int64_t dram_wait_cycles = 0;     // of `cycles`: the macros are done and the next weights are not there
  std::int64_t initiation_interval = 0;  // cycles between two tokens in a macro
  std::string_view bound;                // what its time is spent on: "multiply", "fetch", "weight load", ...
  double useful_multiplies = 0;          // by weights that are not zero
  std::vector<Event> events;
  std::vector<Span> spans;
};

/// How long each of a group of equal macros did what, over a whole run.
struct MacroUse {
  std::int64_t first_macro, last_macro;
  std::int64_t multiply_cycles;  // some column multiplies
  std::int64_t load_cycles;      // a tile is being written, or its stream waited for; behind multiplying or not
  bool operator==(const MacroUse&) const = default;
};

struct Run {
  std::int64_t cycles = 0;
  std::vector<OperationRun> operations;
  std::vector<MacroUse> macro_use;  // of all macros, in order
  double available_multiplies = 0;  // slots of all macros over the whole run
};

/// A path between registers: the longest sets the clock.
struct Path {
  struct Step {
    const Delay* delay;
    std::int64_t count;
  };
  std::string_view name;
  std::vector<Step> steps;
};

struct Inventory {
  double node_nm = 28;
  std::vector<Part> macro_parts = {};
  std::vector<Part> system_parts = {};  // beside the macros
  std::int64_t macros = 0;
  std::vector<Path> paths = {};
};

/// The one interface of all accelerators. Whole workloads, because macros are shared between layers and loading
/// overlaps computing. Machines are immutable and safe to use from several threads.
class Machine {
 public:
  virtual ~Machine() = default;
  /// "flexcim".
  virtual std::string_view kind() const = 0;
  /// Whether it runs matrices that are stored as Monarch factors; map() is given none otherwise.
  virtual bool runs_factors() const { return false; }
  /// Where everything goes, or which bound forbids it and what would lift it. REQUIRES: validate(workload).
  virtual Result<Mapping> map(const Workload& workload) const = 0;
  /// How long it takes, and what happens how often. REQUIRES: `mapping` is map(workload).
  virtual Run run(const Workload& workload, const Mapping& mapping, Fidelity fidelity) const = 0;
  /// What it is built of. Depends on the mapping where memories or the number of macros follow from the workload.
  virtual Inventory inventory(const Mapping& mapping) const = 0;
  /// Resolved parameters, as a result file shows them.
  virtual Json parameters() const = 0;
};

}  // namespace sparsecim
