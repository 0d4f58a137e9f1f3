#include "hardware/simulate.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "hardware/components/leakage.hpp"
#include "hardware/components/node.hpp"

namespace sparsecim {
namespace {

void add_energy(std::vector<ComponentEnergy>& energy, std::string_view component, const Band& energy_pj) {
  const auto found = std::ranges::find(energy, component, &ComponentEnergy::component);
  if (found != energy.end())
    found->energy_pj += energy_pj;
  else
    energy.push_back({std::string(component), energy_pj});
}

/// pW * ns = 10^-9 pJ.
Band leakage_pj(const Band& leakage_pw, double latency_ns) { return leakage_pw * (latency_ns * 1e-9); }

void price_operation(const OperationRun& run, const PricedInventory& priced, double node_nm,
                     SimulatedOperation& operation) {
  operation.events = price(run.events, node_nm);
  for (const PricedEvent& event : operation.events) add_energy(operation.energy, event.component, event.energy_pj);
  add_energy(operation.energy, "leakage", leakage_pj(priced.leakage_pw, operation.latency_ns));
  for (const ComponentEnergy& component : operation.energy) operation.energy_pj += component.energy_pj;
}

SimulatedOperation simulate_operation(const Operation& operation, const Placement& placement, const OperationRun& run,
                                      const Run& whole, const PricedInventory& priced, double node_nm) {
  SimulatedOperation result;
  result.name = operation.name;
  result.attention = operation.kind == Operation::Kind::kAttention && placement.tiles() == 0;
  result.pattern = operation.pattern;
  result.runs_as = placement.pattern;
  result.by_rows = placement.packed_columns > 0;
  result.tiles = placement.tiles();
  result.macros_used = placement.macros_used * placement.side_by_side;
  result.cycles = run.cycles;
  result.initiation_interval = run.initiation_interval;
  result.dram_wait_cycles = run.dram_wait_cycles;
  result.latency_ns = static_cast<double>(run.cycles) * priced.clock_ns.nominal;
  result.bound = run.bound;
  const double share = static_cast<double>(run.cycles) / static_cast<double>(whole.cycles);
  result.utilization =
      placement.cell_share > 0 ? placement.cell_share : run.useful_multiplies / (whole.available_multiplies * share);
  price_operation(run, priced, node_nm, result);
  return result;
}

void add_timeline(const Run& run, Simulation& simulation) {
  for (std::size_t i = 0; i < run.operations.size(); ++i)
    for (const Span& span : run.operations[i].spans) {
      simulation.timeline.push_back(span);
      simulation.span_operation.push_back(static_cast<std::int64_t>(i));
    }
}

/// What one figure at a node is over the figure as published.
double factor_of(const Band& published, const Band& at_node) {
  return published.nominal > 0 ? at_node.nominal / published.nominal : 1;
}

UsedConstant used_constant(const Cost& cost, double node_nm) {
  return {.cost = &cost,
          .name = std::string(cost.name),
          .unit = std::string(cost.unit),
          .source = std::string(cost.source),
          .energy_fj = cost.energy_fj,
          .area_um2 = cost.area_um2,
          .node_nm = cost.node_nm,
          .vdd_v = cost.vdd_v,
          .energy_factor = factor_of(cost.energy_fj, energy_fj_at(cost, node_nm)),
          .area_factor = factor_of(cost.area_um2, area_um2_at(cost, node_nm)),
          .leakage_pw = leakage_pw_at(cost, node_nm)};
}

void add_constants(const Run& run, Simulation& simulation) {
  std::set<const Cost*> used;
  for (const OperationRun& operation : run.operations)
    for (const Event& event : operation.events)
      if (event.count > 0) used.insert(event.cost);
  for (const PricedPart& part : simulation.parts) used.insert(part.cost);
  for (const Cost* cost : used) simulation.constants.push_back(used_constant(*cost, simulation.node_nm));
  std::ranges::sort(simulation.constants, {}, [](const UsedConstant& c) { return std::tie(c.name, c.unit); });
  simulation.constants.push_back({.cost = nullptr,
                                  .name = "leakage of logic",
                                  .unit = "",
                                  .source = std::string(kLogicLeakageSource),
                                  .energy_fj = {},
                                  .area_um2 = {},
                                  .node_nm = kLogicLeakageNode_nm,
                                  .vdd_v = 0,
                                  .energy_factor = 1,
                                  .area_factor = 1,
                                  .leakage_pw = {}});
}

double useful_operations(const Workload& workload, const Run& run, bool dense_equivalent) {
  double operations = 0;
  for (std::size_t i = 0; i < workload.operations.size(); ++i) {
    const bool all = dense_equivalent || workload.operations[i].kind == Operation::Kind::kAttention;
    operations +=
        2 * (all ? static_cast<double>(workload.operations[i].dense_macs()) : run.operations[i].useful_multiplies);
  }
  return operations;
}

/// The operations' shares, weighted by their products.
std::optional<double> activation_toggle(const Workload& workload) {
  double changing = 0, products = 0;
  for (const Operation& operation : workload.operations) {
    if (operation.kind == Operation::Kind::kAttention) continue;
    changing += static_cast<double>(operation.dense_macs()) * operation.activity.activation_toggle;
    products += static_cast<double>(operation.dense_macs());
  }
  return products > 0 ? std::optional(changing / products) : std::nullopt;
}

bool activations_measured(const Workload& workload) {
  return std::ranges::all_of(workload.operations, [](const Operation& operation) {
    return operation.kind == Operation::Kind::kAttention || operation.activity.measured;
  });
}

/// The latency of the same cycles at another clock, but for DRAM, whose stream takes the time that it takes.
double latency_ns_at(const Run& run, double nominal_clock_ns, double clock_ns) {
  std::int64_t hindered = 0;
  double latency_ns = 0;
  for (const OperationRun& operation : run.operations) {
    if (operation.dram_wait_cycles == 0) continue;
    hindered += operation.cycles;
    latency_ns += std::max(static_cast<double>(operation.cycles) * nominal_clock_ns,
                           static_cast<double>(operation.cycles - operation.dram_wait_cycles) * clock_ns);
  }
  return latency_ns + static_cast<double>(run.cycles - hindered) * clock_ns;
}

void add_totals(const Workload& workload, const Mapping& mapping, const Run& run, Simulation& simulation) {
  for (const OperationRun& operation : run.operations) simulation.useful_multiplies += operation.useful_multiplies;
  simulation.available_multiplies = run.available_multiplies;
  if (mapping.cells) {
    simulation.useful_multiplies = mapping.cells->used;
    simulation.available_multiplies = mapping.cells->all;
  }
  simulation.multiplies_per_cycle = run.available_multiplies / static_cast<double>(run.cycles);
  simulation.utilization = simulation.useful_multiplies / simulation.available_multiplies;
  std::int64_t attention_cycles = 0;
  for (const SimulatedOperation& operation : simulation.operations)
    if (operation.attention) attention_cycles += operation.cycles;
  simulation.attention_cycles_share = static_cast<double>(attention_cycles) / static_cast<double>(run.cycles);
  if (mapping.cells)
    simulation.macro_utilization = simulation.utilization;
  else if (attention_cycles < run.cycles)
    simulation.macro_utilization = simulation.utilization / (1 - simulation.attention_cycles_share);
  // Operations per pJ are TOPS/W.
  simulation.useful_operations = useful_operations(workload, run, false);
  simulation.dense_operations = useful_operations(workload, run, true);
  simulation.tops_per_watt = simulation.useful_operations / simulation.energy_pj.nominal;
  simulation.dense_equivalent_tops_per_watt = simulation.dense_operations / simulation.energy_pj.nominal;
}

/// The largest field that one exposure prints: 26 mm x 33 mm (ASML TWINSCAN data sheets).
constexpr double kReticle_mm2 = 858;

std::string share_text(double share) { return share == 0.5 ? "half" : fmt::format("{:.0f} %", 100 * share); }

/// Names what leaks, where leakage takes more than a quarter of the energy.
void add_leakage_note(const Simulation& simulation, std::vector<std::string>& notes) {
  const auto leakage = std::ranges::find(simulation.energy, "leakage", &ComponentEnergy::component);
  const double share =
      leakage == simulation.energy.end() ? 0 : leakage->energy_pj.nominal / simulation.energy_pj.nominal;
  if (share <= 0.25) return;
  std::map<std::string, double> by_component;
  double all = 0;
  for (const PricedPart& part : simulation.parts) {
    by_component[part.component] += part.leakage_pw.nominal;
    all += part.leakage_pw.nominal;
  }
  const auto& [component, most] = *std::ranges::max_element(by_component, {}, [](const auto& c) { return c.second; });
  notes.push_back(fmt::format("leakage takes {:.0f} % of the energy, {:.0f} % of it in '{}'", 100 * share,
                              100 * most / all, component));
}

/// Notes that hold for every machine of this kind.
void add_notes(const Simulation& simulation, std::vector<std::string>& notes) {
  std::int64_t waiting = 0;
  for (const SimulatedOperation& operation : simulation.operations) waiting += operation.dram_wait_cycles;
  const double waiting_share = static_cast<double>(waiting) / static_cast<double>(simulation.cycles);
  if (waiting_share >= 0.01)
    notes.push_back(
        fmt::format("DRAM-bound: in {:.0f} % of the time the macros only wait for weights", 100 * waiting_share));
  if (simulation.attention_cycles_share > 0.25)
    notes.push_back(fmt::format("attention takes {:.0f} % of the time, in which the macros are idle",
                                100 * simulation.attention_cycles_share));
  if (simulation.activation_toggle)
    notes.push_back(fmt::format("activations: {} of the bits {} change between bit planes{}",
                                share_text(*simulation.activation_toggle),
                                simulation.activations_measured ? "do" : "are assumed to",
                                simulation.activations_measured ? ", as measured" : " (not measured)"));
  if (simulation.area_um2.nominal > kReticle_mm2 * 1e6)
    notes.push_back(fmt::format("{:.0f} mm2 are more than one reticle ({:.0f} mm2): several chips",
                                simulation.area_um2.nominal / 1e6, kReticle_mm2));
  add_leakage_note(simulation, notes);
  notes.emplace_back(
      "not counted: normalisation, softmax, activation functions and requantisation; the KV cache's SRAM; wires beyond "
      "the activation lines");
}

/// Operations follow each other without a gap, so their leakage is all there is.
void add_up_energy(Simulation& simulation) {
  for (const SimulatedOperation& operation : simulation.operations)
    for (const ComponentEnergy& component : operation.energy)
      add_energy(simulation.energy, component.component, component.energy_pj);
  for (const ComponentEnergy& component : simulation.energy) simulation.energy_pj += component.energy_pj;
  std::ranges::stable_sort(simulation.energy, std::ranges::greater{},
                           [](const ComponentEnergy& component) { return component.energy_pj.nominal; });
}

}  // namespace

Result<Simulation> simulate(const Workload& workload, const MachineDescription& description, Fidelity fidelity) {
  SC_TRY(validate(workload));
  const Machine& machine = *description.machine;
  for (const Operation& operation : workload.operations)
    if (operation.monarch && !machine.runs_factors())
      return fail(Remedy{"use --arch analog, or the model that 'sparsecim monarch' read"},
                  "{}: '{}' is stored as Monarch factors, which this machine does not run", description.name,
                  operation.name);
  SC_TRY_ASSIGN(const Mapping mapping, within(description.name, machine.map(workload)));
  const Run run = machine.run(workload, mapping, fidelity);
  const Inventory inventory = machine.inventory(mapping);
  PricedInventory priced = price(inventory);

  Simulation simulation;
  simulation.workload = workload.name;
  simulation.machine = description.name;
  simulation.kind = machine.kind();
  simulation.fidelity = fidelity;
  simulation.macro_use = run.macro_use;
  simulation.n_tokens = workload.n_tokens;
  simulation.macros = mapping.macros;
  simulation.node_nm = inventory.node_nm;
  simulation.cycles = run.cycles;
  simulation.clock_ns = priced.clock_ns.nominal;
  simulation.critical_path = priced.critical_path;
  simulation.latency_ns = static_cast<double>(run.cycles) * simulation.clock_ns;
  simulation.latency_ns_low = latency_ns_at(run, priced.clock_ns.nominal, priced.clock_ns.low);
  simulation.latency_ns_high = latency_ns_at(run, priced.clock_ns.nominal, priced.clock_ns.high);
  simulation.activation_toggle = activation_toggle(workload);
  simulation.activations_measured = activations_measured(workload);
  simulation.area_um2 = priced.area_um2;
  simulation.macro_area_um2 = priced.macro_area_um2;
  for (std::size_t i = 0; i < workload.operations.size(); ++i)
    simulation.operations.push_back(simulate_operation(workload.operations[i], mapping.placements[i], run.operations[i],
                                                       run, priced, inventory.node_nm));
  add_up_energy(simulation);
  simulation.parts = std::move(priced.parts);
  simulation.parameters = machine.parameters();
  simulation.notes = mapping.notes;
  simulation.figures = mapping.figures;
  add_totals(workload, mapping, run, simulation);
  add_notes(simulation, simulation.notes);
  add_timeline(run, simulation);
  add_constants(run, simulation);
  return simulation;
}

}  // namespace sparsecim
