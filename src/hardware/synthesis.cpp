#include "hardware/synthesis.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/nearest.hpp"
#include "hardware/components/gates.hpp"
#include "sparsity/fields.hpp"

namespace sparsecim {
namespace {

constexpr std::string_view kFormat = "sparsecim-synthesis";
constexpr std::int64_t kVersion = 1;
constexpr double kMostGates = 1e9;  // of a component: chips have fewer

/// What macros have of logic. Parts refer to these names, which outlive every machine.
constexpr std::array<std::string_view, 13> kComponents = {
    "multipliers", "adder trees",     "accumulators",       "partial-sum entries", "merging",
    "control",     "line routing",    "activation lines",   "pair selection",      "activation registers",
    "serialisers", "operand latches", "distribution units",
};

Result<std::string_view> component_named(const std::string& name) {
  const auto found = std::ranges::find(kComponents, name);
  if (found != kComponents.end()) return *found;
  const auto near = nearest(name, {kComponents.begin(), kComponents.end()}, 1);
  return fail(Remedy{fmt::format("did you mean '{}'?", near.front())}, "no machine has a component '{}'", name);
}

Result<void> read_components(const Json& json, SynthesisedMacro& macro) {
  SC_TRY_ASSIGN(const Json* components, get_list(json, "components"));
  if (components->empty()) return fail("'components' is empty");
  std::set<std::string> seen;
  for (const Json& item : *components) {
    SynthesisedMacro::Component component;
    SC_TRY_ASSIGN(component.name,
                  within(fmt::format("component {}", macro.components.size()), get_string(item, "component")));
    SC_TRY(component_named(component.name));
    const std::string place = fmt::format("component '{}'", component.name);
    if (!seen.insert(component.name).second) return fail("{} is there twice", place);
    SC_TRY_ASSIGN(component.gate_equivalents,
                  within(place, get_number_within(item, "gate_equivalents", 0, kMostGates)));
    macro.components.push_back(std::move(component));
  }
  return {};
}

Result<Json> read_parameters_of(const Json& json) {
  if (!has(json, "parameters")) return fail("'parameters' is missing");
  const Json& parameters = json.at("parameters");
  if (!parameters.is_object() || parameters.empty()) return fail("'parameters' names no setting");
  return parameters;
}

Result<SynthesisedMacro> macro_from_json(const Json& json) {
  SynthesisedMacro macro;
  SC_TRY_ASSIGN(macro.name, get_string(json, "name"));
  SC_TRY_ASSIGN(macro.machine, get_string(json, "machine"));
  SC_TRY_ASSIGN(macro.parameters, read_parameters_of(json));
  SC_TRY(read_components(json, macro));
  return macro;
}

/// Lists name what a machine has, in any order.
Json in_order(Json value) {
  if (value.is_array()) std::sort(value.begin(), value.end());
  return value;
}

/// "sub_macros: 8, not 4", for every parameter that the machine has otherwise.
std::vector<std::string> differences(const SynthesisedMacro& macro, const Json& parameters) {
  std::vector<std::string> texts;
  for (const auto& [key, value] : macro.parameters.items()) {
    const auto given = parameters.find(key);
    if (given == parameters.end())
      texts.push_back(fmt::format("{}: {}", key, value.dump()));
    else if (in_order(*given) != in_order(value))
      texts.push_back(fmt::format("{}: {}, not {}", key, value.dump(), given->dump()));
  }
  return texts;
}

/// A machine whose macros consist, where that was synthesised, of gates that were counted in a netlist.
class SynthesisedMachine : public Machine {
 public:
  SynthesisedMachine(std::shared_ptr<const Machine> machine, const SynthesisedMacro& macro)
      : machine_(std::move(machine)) {
    for (const SynthesisedMacro::Component& component : macro.components)
      parts_.push_back({component_named(component.name).value(), &kGateEquivalent, component.gate_equivalents});
  }

  std::string_view kind() const override { return machine_->kind(); }
  Result<Mapping> map(const Workload& workload) const override { return machine_->map(workload); }
  Run run(const Workload& workload, const Mapping& mapping, Fidelity fidelity) const override {
    return machine_->run(workload, mapping, fidelity);
  }
  Inventory inventory(const Mapping& mapping) const override {
    Inventory inventory = machine_->inventory(mapping);
    std::erase_if(inventory.macro_parts, [&](const Part& part) { return is_synthesised(part.component); });
    inventory.macro_parts.insert(inventory.macro_parts.end(), parts_.begin(), parts_.end());
    return inventory;
  }
  Json parameters() const override { return machine_->parameters(); }

 private:
  bool is_synthesised(std::string_view component) const {
    return std::ranges::find(parts_, component, &Part::component) != parts_.end();
  }

  std::shared_ptr<const Machine> machine_;
  std::vector<Part> parts_;
};

}  // namespace

Result<Synthesis> synthesis_from_json(const Json& json) {
  SC_TRY(check_schema(json, kFormat, kVersion));
  Synthesis synthesis;
  SC_TRY_ASSIGN(synthesis.tool, get_string(json, "tool"));
  SC_TRY_ASSIGN(synthesis.library, get_string(json, "library"));
  SC_TRY_ASSIGN(const Json* macros, get_list(json, "macros"));
  if (macros->empty()) return fail("'macros' is empty");
  std::set<std::string> names;
  for (const Json& item : *macros) {
    SC_TRY_ASSIGN(SynthesisedMacro macro,
                  within(fmt::format("macro {}", synthesis.macros.size()), macro_from_json(item)));
    if (!names.insert(macro.name).second) return fail("macro '{}' is there twice", macro.name);
    synthesis.macros.push_back(std::move(macro));
  }
  return synthesis;
}

Result<Synthesis> read_synthesis(const std::filesystem::path& path) {
  SC_TRY_ASSIGN(const Json json, read_json_file(path));
  return within(path.string(), synthesis_from_json(json));
}

Result<MachineDescription> with_synthesised_areas(const MachineDescription& description, const Synthesis& synthesis) {
  const Json parameters = description.machine->parameters();
  const SynthesisedMacro* nearest_macro = nullptr;
  std::vector<std::string> least;
  for (const SynthesisedMacro& macro : synthesis.macros) {
    if (macro.machine != description.machine->kind()) continue;
    std::vector<std::string> different = differences(macro, parameters);
    if (different.empty())
      return MachineDescription{description.name, std::make_shared<SynthesisedMachine>(description.machine, macro)};
    if (!nearest_macro || different.size() < least.size()) {
      nearest_macro = &macro;
      least = std::move(different);
    }
  }
  if (!nearest_macro)
    return fail(Remedy{"run tools/synthesise for it"}, "no macro of a machine '{}' was synthesised",
                description.machine->kind());
  return fail(Remedy{fmt::format("choose its settings, or run tools/synthesise for {}", description.name)},
              "{} was not synthesised; nearest is '{}' with {}", description.name, nearest_macro->name,
              fmt::join(least, ", "));
}

}  // namespace sparsecim
