#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "hardware/machine.hpp"
#include "hardware/parameters.hpp"
#include "hardware/pricing.hpp"

namespace sparsecim {

/// A machine that was read from a description, ready to run workloads.
struct MachineDescription {
  std::string name;  // as it was asked for: "flexcim", or the path of a file
  std::shared_ptr<const Machine> machine;
};

/// A description (docs/formats/machines.md); `path` is its name. Settings of `overrides` take the place of the
/// description's. Errors: unknown, missing and contradictory keys, with file, line and what is allowed.
Result<MachineDescription> parse_machine(const std::string& path, const std::string& text,
                                         const std::vector<Setting>& overrides = {});
/// `arch/NAME.yaml` as compiled in, or a file. Errors also: neither.
Result<MachineDescription> open_machine(std::string_view name_or_path, const std::vector<Setting>& overrides = {});
/// What open_machine makes a machine of: the settings of `arch/NAME.yaml` or of a file, with `overrides` in their
/// place. Errors: neither; not a description.
struct DescriptionSettings {
  std::string path;
  std::vector<Setting> settings;
};
Result<DescriptionSettings> read_description(std::string_view name_or_path, const std::vector<Setting>& overrides = {});
/// The names that open_machine knows without a file.
std::vector<std::string> machine_names();

/// Energy by component.
struct ComponentEnergy {
  std::string component;
  Band energy_pj;
};

struct SimulatedOperation {
  std::string name;
  bool attention = false;
  Pattern pattern, runs_as;  // of the mask; native
  bool by_rows = false;      // every row of a tile at a pattern of its own, in columns of runs_as
  std::int64_t tiles = 0, macros_used = 0;
  std::int64_t cycles = 0, initiation_interval = 0;
  std::int64_t dram_wait_cycles = 0;  // of `cycles`, beyond what the macros need
  double latency_ns = 0;
  std::string bound;       // what its time is spent on
  double utilization = 0;  // useful multiply slots / available, while it runs
  Band energy_pj;          // leakage over its time included
  std::vector<ComponentEnergy> energy;
  std::vector<PricedEvent> events;
};

/// A constant that the figures rest on.
struct UsedConstant {
  const Cost* cost;  // none: leakage of logic, which areas are priced by
  std::string name, unit, source;
  Band energy_fj, area_um2;  // as published; zero where it is none
  double node_nm, vdd_v;
  double energy_factor, area_factor;  // from there to the machine's node and supply
  Band leakage_pw;                    // of an instance, at the machine's node
};

/// The verdict: a workload on a machine. Totals are for the whole system and the whole run.
struct Simulation {
  std::string workload, machine, kind;
  Fidelity fidelity = Fidelity::kClosedForm;
  std::int64_t n_tokens = 0;
  std::int64_t macros = 0;
  double node_nm = 0;
  std::int64_t cycles = 0;
  double clock_ns = 0;
  Path critical_path;
  double latency_ns = 0;
  double latency_ns_low = 0, latency_ns_high = 0;  // by the gates' delays; a DRAM streams at its own pace
  Band energy_pj;
  Band area_um2;
  Band macro_area_um2;  // one macro, with its buffers
  /// Multiplies by weights that are not zero over all multiply slots of all macros during the run: idle macros, stalls,
  /// fill and attention count as unused.
  double utilization = 0;
  double multiplies_per_cycle = 0;    // that all macros could do
  double macro_utilization = 0;       // the same over the cycles of linear operations alone
  double attention_cycles_share = 0;  // of all cycles: the macros idle meanwhile
  /// Share of activation bits that change between bit planes, by products; none where nothing runs on macros.
  std::optional<double> activation_toggle;
  bool activations_measured = false;  // and not assumed
  /// 2 operations per multiply-accumulate that a non-zero weight (or attention) needs, over the nominal energy: zeros
  /// that are skipped or multiplied earn nothing. The dense-equivalent figure counts them.
  double tops_per_watt = 0;
  double dense_equivalent_tops_per_watt = 0;
  double useful_operations = 0, dense_operations = 0;      // that these two count
  double useful_multiplies = 0, available_multiplies = 0;  // that utilization counts
  std::vector<ComponentEnergy> energy;                     // by component, largest first
  std::vector<PricedPart> parts;                           // area and leakage
  std::vector<SimulatedOperation> operations;
  std::vector<MacroUse> macro_use;           // of all macros, groups of equal ones in order
  std::vector<Span> timeline;                // spans of all operations, in order
  std::vector<std::int64_t> span_operation;  // which operation each belongs to
  std::vector<std::string> notes;
  std::vector<UsedConstant> constants;
  Json figures = Json::object();  // of this kind of machine alone
  Json parameters;
};

/// Errors: validate(workload)'s; an operation that the machine cannot hold, with the bound and what lifts it.
Result<Simulation> simulate(const Workload& workload, const MachineDescription& description,
                            Fidelity fidelity = Fidelity::kClosedForm);

/// Plain numbers at the top (latency_ns cycles energy_pj area_um2 utilization tops_per_watt, bands as *_low, *_high),
/// details below.
Json to_json(const Simulation& simulation);

/// The schedule for chrome://tracing and Perfetto: a lane for each group of equal macros, for DRAM, weight SRAM, link
/// and vector unit; at most `most_spans` spans.
Json to_trace(const Simulation& simulation, std::size_t most_spans = 20000);

}  // namespace sparsecim
