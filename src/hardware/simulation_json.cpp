#include <algorithm>
#include <map>

#include "hardware/components/node.hpp"
#include "hardware/simulate.hpp"

namespace sparsecim {
namespace {

Json band_json(const Band& band) { return {{"low", band.low}, {"nominal", band.nominal}, {"high", band.high}}; }

Json energy_json(const std::vector<ComponentEnergy>& energy) {
  Json json = Json::object();
  for (const ComponentEnergy& component : energy) json[component.component] = band_json(component.energy_pj);
  return json;
}

/// Nominal energies only: there are as many of these as operations.
Json nominal_json(const std::vector<ComponentEnergy>& energy) {
  Json json = Json::object();
  for (const ComponentEnergy& component : energy) json[component.component] = component.energy_pj.nominal;
  return json;
}

Json operation_json(const SimulatedOperation& operation) {
  Json json = {{"name", operation.name}, {"kind", operation.attention ? "attention" : "linear"}};
  if (!operation.attention) {
    json["pattern"] = operation.pattern.name();
    json["runs_as"] = operation.runs_as.name();
    json["granularity"] = operation.by_rows ? "row" : "layer";
    json["tiles"] = operation.tiles;
    json["macros_used"] = operation.macros_used;
    json["initiation_interval_cycles"] = operation.initiation_interval;
    json["utilization"] = operation.utilization;
  }
  json["bound"] = operation.bound;
  json["cycles"] = operation.cycles;
  if (operation.dram_wait_cycles > 0) json["dram_wait_cycles"] = operation.dram_wait_cycles;
  json["latency_ns"] = operation.latency_ns;
  json["energy_pj"] = operation.energy_pj.nominal;
  json["energy_pj_low"] = operation.energy_pj.low;
  json["energy_pj_high"] = operation.energy_pj.high;
  json["energy_by_component_pj"] = nominal_json(operation.energy);
  return json;
}

struct ComponentArea {
  Band area_um2, leakage_pw;
  Json parts = Json::object();
};

Json area_json(const std::vector<PricedPart>& parts) {
  std::vector<std::string> order;
  std::map<std::string, ComponentArea> components;
  for (const PricedPart& part : parts) {
    if (!components.contains(part.component)) order.push_back(part.component);
    ComponentArea& component = components[part.component];
    component.area_um2 += part.area_um2;
    component.leakage_pw += part.leakage_pw;
    component.parts[std::string(part.cost->name)] = part.instances;
  }
  Json json = Json::object();
  for (const std::string& name : order) {
    const ComponentArea& component = components[name];
    json[name] = band_json(component.area_um2);
    json[name]["leakage_uw"] = component.leakage_pw.nominal * 1e-6;
    json[name]["parts"] = component.parts;
  }
  return json;
}

Json constants_json(const std::vector<UsedConstant>& constants) {
  Json json = Json::array();
  for (const UsedConstant& constant : constants) {
    Json one = {{"name", constant.name}, {"source", constant.source}, {"node_nm", constant.node_nm}};
    if (constant.energy_fj.high > 0) {
      one["event"] = constant.unit;
      one["energy_fj"] = band_json(constant.energy_fj);
      one["vdd_v"] = constant.vdd_v;
      one["energy_factor"] = constant.energy_factor;
    }
    if (constant.area_um2.high > 0) {
      one["area_um2"] = band_json(constant.area_um2);
      one["area_factor"] = constant.area_factor;
    }
    if (constant.cost) one["leakage_pw"] = band_json(constant.leakage_pw);
    json.push_back(std::move(one));
  }
  return json;
}

/// Where each cost is among the constants.
using ConstantNumbers = std::map<const Cost*, std::size_t>;

ConstantNumbers numbers_of(const std::vector<UsedConstant>& constants) {
  ConstantNumbers numbers;
  for (std::size_t i = 0; i < constants.size(); ++i) numbers[constants[i].cost] = i;
  return numbers;
}

/// Events of one kind in one component are counted together.
Json events_json(const std::vector<const PricedEvent*>& events, const ConstantNumbers& numbers) {
  std::map<std::pair<std::string_view, const Cost*>, double> counts;
  std::vector<std::pair<std::string_view, const Cost*>> order;
  for (const PricedEvent* event : events) {
    const std::pair<std::string_view, const Cost*> kind{event->component, event->cost};
    if (!counts.contains(kind)) order.push_back(kind);
    counts[kind] += event->count;
  }
  Json json = Json::array();
  for (const auto& kind : order)
    json.push_back({{"component", kind.first}, {"constant", numbers.at(kind.second)}, {"count", counts[kind]}});
  return json;
}

Json all_events_json(const Simulation& simulation, const ConstantNumbers& numbers) {
  std::vector<const PricedEvent*> events;
  for (const SimulatedOperation& operation : simulation.operations)
    for (const PricedEvent& event : operation.events) events.push_back(&event);
  return events_json(events, numbers);
}

Json operation_events_json(const SimulatedOperation& operation, const ConstantNumbers& numbers) {
  std::vector<const PricedEvent*> events;
  for (const PricedEvent& event : operation.events) events.push_back(&event);
  return events_json(events, numbers);
}

Json parts_json(const std::vector<PricedPart>& parts, const ConstantNumbers& numbers) {
  Json json = Json::array();
  for (const PricedPart& part : parts)
    json.push_back({{"component", part.component},
                    {"constant", numbers.at(part.cost)},
                    {"instances", part.instances},
                    {"in_macro", part.in_macro}});
  return json;
}

Json clock_json(const Path& path, double node_nm) {
  Json json = Json::array();
  for (const Path::Step& step : path.steps) {
    if (step.count == 0) continue;
    json.push_back({{"name", step.delay->name},
                    {"count", step.count},
                    {"delay_ps", band_json(step.delay->delay_ps)},
                    {"node_nm", step.delay->node_nm},
                    {"delay_factor", delay_factor(step.delay->node_nm, node_nm)},
                    {"source", step.delay->source}});
  }
  return json;
}

/// Shares of all cycles, for a group of equal macros in a row.
Json macro_use_json(const Simulation& simulation) {
  Json json = Json::array();
  for (const MacroUse& use : simulation.macro_use)
    json.push_back(
        {{"first_macro", use.first_macro},
         {"last_macro", use.last_macro},
         {"multiply_share", static_cast<double>(use.multiply_cycles) / static_cast<double>(simulation.cycles)},
         {"load_share", static_cast<double>(use.load_cycles) / static_cast<double>(simulation.cycles)}});
  return json;
}

}  // namespace

Json to_json(const Simulation& simulation) {
  Json json = {{"schema", "sparsecim.simulation/1"},
               {"latency_ns", simulation.latency_ns},
               {"cycles", simulation.cycles},
               {"energy_pj", simulation.energy_pj.nominal},
               {"area_um2", simulation.area_um2.nominal},
               {"utilization", simulation.utilization},
               {"tops_per_watt", simulation.tops_per_watt},
               {"energy_pj_low", simulation.energy_pj.low},
               {"energy_pj_high", simulation.energy_pj.high},
               {"latency_ns_low", simulation.latency_ns_low},
               {"latency_ns_high", simulation.latency_ns_high},
               {"area_um2_low", simulation.area_um2.low},
               {"area_um2_high", simulation.area_um2.high},
               {"dense_equivalent_tops_per_watt", simulation.dense_equivalent_tops_per_watt}};
  json.update(simulation.figures);
  json["multiplies_per_cycle"] = simulation.multiplies_per_cycle;
  json["macro_utilization"] = simulation.macro_utilization;
  json["attention_cycles_share"] = simulation.attention_cycles_share;
  if (simulation.activation_toggle) json["activation_toggle"] = *simulation.activation_toggle;
  json["activations_measured"] = simulation.activations_measured;
  json["workload"] = simulation.workload;
  json["tokens"] = simulation.n_tokens;
  json["machine"] = simulation.machine;
  json["kind"] = simulation.kind;
  json["fidelity"] = std::string(kFidelityNames[static_cast<std::size_t>(simulation.fidelity)]);
  json["macros"] = simulation.macros;
  json["node_nm"] = simulation.node_nm;
  json["clock_ns"] = simulation.clock_ns;
  json["critical_path"] = simulation.critical_path.name;
  json["clock_steps"] = clock_json(simulation.critical_path, simulation.node_nm);
  for (const auto& [key, count] : {std::pair{"useful_operations", simulation.useful_operations},
                                   {"dense_operations", simulation.dense_operations},
                                   {"useful_multiplies", simulation.useful_multiplies},
                                   {"available_multiplies", simulation.available_multiplies}})
    json[key] = count;
  json["macro_area_um2"] = band_json(simulation.macro_area_um2);
  json["notes"] = simulation.notes;
  json["energy_by_component_pj"] = energy_json(simulation.energy);
  json["area_by_component_um2"] = area_json(simulation.parts);
  const ConstantNumbers numbers = numbers_of(simulation.constants);
  json["macro_use"] = macro_use_json(simulation);
  json["operations"] = Json::array();
  for (const SimulatedOperation& operation : simulation.operations) {
    json["operations"].push_back(operation_json(operation));
    json["operations"].back()["events"] = operation_events_json(operation, numbers);
  }
  json["events"] = all_events_json(simulation, numbers);
  json["parts"] = parts_json(simulation.parts, numbers);
  json["constants"] = constants_json(simulation.constants);
  // Of analog arrays "parameters" are the model's.
  json[json.contains("parameters") ? "machine_parameters" : "parameters"] = simulation.parameters;
  return json;
}

}  // namespace sparsecim
