#include "hardware/comparison.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "base/embedded.hpp"
#include "base/file.hpp"

namespace sparsecim {
namespace {

constexpr std::string_view kFolder = "comparisons/", kEnding = ".yaml";
constexpr std::uint64_t kLargestComparison_bytes = 1 << 20;
constexpr std::size_t kMostVariations = 1000;

const EmbeddedFile* find_shipped(std::string_view name) {
  const std::string path = fmt::format("{}{}{}", kFolder, name, kEnding);
  for (const EmbeddedFile& file : embedded_files())
    if (file.path == path) return &file;
  return nullptr;
}

Result<std::string> read_comparison_text(std::string_view name_or_path) {
  if (const EmbeddedFile* file = find_shipped(name_or_path)) return std::string(file->content);
  const std::filesystem::path path(name_or_path);
  std::error_code unreadable;
  if (!std::filesystem::exists(path, unreadable))
    return fail(Remedy{fmt::format("name a YAML file or one of {}", fmt::join(comparison_names(), ", "))},
                "no comparison '{}'", name_or_path);
  return read_text_file(path, kLargestComparison_bytes);
}

/// The settings below `prefix` ("set."), under the machines' own keys.
std::vector<Setting> settings_below(std::string_view prefix, const std::vector<Setting>& settings) {
  std::vector<Setting> below;
  for (const Setting& setting : settings)
    if (setting.key.starts_with(prefix)) {
      below.push_back(setting);
      below.back().key.erase(0, prefix.size());
    }
  return below;
}

std::vector<Parameter<Comparison>> declare_comparison() {
  std::vector<Parameter<Comparison>> parameters;
  parameters.push_back(choice_parameter<Comparison>({"equal", "what the machines have in common", {}}, kEqualNames,
                                                    [](Comparison& c) -> Equal& { return c.equal; }));
  parameters.push_back({"machines",
                        "a list of names or paths",
                        "the first is the one that ratios are of",
                        {},
                        [](Comparison& comparison, const Setting& setting) -> Result<void> {
                          comparison.machines = setting.values;
                          if (comparison.machines.empty())
                            return fail(Remedy{"name at least one"}, "{}: 'machines' is empty", setting.place);
                          return {};
                        },
                        [](const Comparison& comparison) { return Json(comparison.machines); }});
  return parameters;
}

using Overrides = std::vector<Setting>;

/// Every combination of one value of each varied setting; one empty combination where nothing varies.
Result<std::vector<Overrides>> combinations(const std::vector<Setting>& vary) {
  std::vector<Overrides> all = {{}};
  for (const Setting& varied : vary) {
    if (varied.values.empty())
      return fail(Remedy{"name at least one"}, "{}: '{}' has no value", varied.place, varied.key);
    if (std::ranges::count(vary, varied.key, &Setting::key) > 1)
      return fail(Remedy{"list its values once"}, "{}: '{}' is varied twice", varied.place, varied.key);
    if (varied.values.size() > kMostVariations / all.size())
      return fail(Remedy{"vary less"}, "{}: more than {} combinations", varied.place, kMostVariations);
    std::vector<Overrides> longer;
    for (const Overrides& combination : all)
      for (const std::string& value : varied.values) {
        longer.push_back(combination);
        longer.back().push_back({varied.key, {value}, false, varied.place});
      }
    all = std::move(longer);
  }
  return all;
}

/// Runs `workload` on a machine with the settings of `overrides`.
Result<ComparedMachine> run_one(const Workload& workload, const std::string& machine, const Overrides& overrides) {
  SC_TRY_ASSIGN(const MachineDescription description, open_machine(machine, overrides));
  SC_TRY_ASSIGN(Simulation simulation, simulate(workload, description));
  ComparedMachine compared{machine, {}, std::move(simulation), {}};
  for (const SimulatedOperation& operation : compared.simulation.operations)
    if (!operation.attention) ++compared.runs_as[operation.runs_as];
  return compared;
}

double all_macros_um2(const Simulation& simulation) {
  return simulation.macro_area_um2.nominal * static_cast<double>(simulation.macros);
}

/// As many macros as fit the area of the first machine's.
Result<Setting> macros_of_area(double area_um2, const ComparedMachine& machine) {
  const double macros = std::floor(area_um2 / machine.simulation.macro_area_um2.nominal);
  if (macros < 1)
    return fail(Remedy{"give the first machine more macros"}, "{}: its macro is larger than all macros of the first",
                machine.machine);
  return Setting{"system.macros", {fmt::format("{:.0f}", macros)}, false, "equal: macro_area"};
}

/// Numbers of macros that follow from the work (weights: resident) are nobody's choice.
bool macros_follow(const Simulation& simulation) {
  const auto weights = simulation.parameters.find("system.weights");
  return weights != simulation.parameters.end() && *weights == "resident";
}

/// "vegeta ", "flexcim (2) ".
std::string name_of(const ComparedMachine& machine) {
  return machine.machine + (machine.varied.empty() ? " " : " (" + varied_text(machine) + ") ");
}

Result<void> require_equal_multipliers(const std::vector<ComparedMachine>& machines) {
  const double first = machines.front().simulation.multiplies_per_cycle;
  for (const ComparedMachine& machine : machines)
    if (!macros_follow(machine.simulation) && machine.simulation.multiplies_per_cycle != first)
      return fail(Remedy{"change its system.macros, or compare at equal: macro_area or nothing"},
                  "{}multiplies {} times a cycle, {} {} times", name_of(machine),
                  machine.simulation.multiplies_per_cycle, machines.front().machine, first);
  return {};
}

Json row_json(const ComparedMachine& machine, const ComparedMachine& first) {
  Json json = to_json(machine.simulation);
  for (const char* details : {"operations", "constants"}) json.erase(details);
  json["varied"] = Json::object();
  for (const auto& [key, value] : machine.varied) json["varied"][key] = value;
  json["runs_as"] = Json::object();
  for (const auto& [pattern, operations] : machine.runs_as) json["runs_as"][pattern.name()] = operations;
  const Ratios ratios = ratios_of(first, machine);
  json["over_first"] = {
      {"cycles", ratios.cycles}, {"latency", ratios.latency}, {"energy", ratios.energy}, {"area", ratios.area}};
  return json;
}

}  // namespace

std::vector<std::string> comparison_names() {
  std::vector<std::string> names;
  for (const EmbeddedFile& file : embedded_files())
    if (file.path.starts_with(kFolder))
      names.emplace_back(file.path.substr(kFolder.size(), file.path.size() - kFolder.size() - kEnding.size()));
  return names;
}

Result<Comparison> read_comparison(std::string_view name_or_path) {
  SC_TRY_ASSIGN(const std::string text, read_comparison_text(name_or_path));
  const std::string path =
      find_shipped(name_or_path) ? fmt::format("{}{}{}", kFolder, name_or_path, kEnding) : std::string(name_or_path);
  SC_TRY_ASSIGN(std::vector<Setting> settings, parse_settings(path, text));
  std::vector<Setting> set = settings_below("set.", settings), vary = settings_below("vary.", settings);
  std::erase_if(settings, [](const Setting& s) { return s.key.starts_with("set.") || s.key.starts_with("vary."); });
  SC_TRY_ASSIGN(Comparison comparison, read_parameters(declare_comparison(), path, settings, {}));
  comparison.name = name_or_path;
  comparison.set = std::move(set);
  comparison.vary = std::move(vary);
  return comparison;
}

Result<Setting> setting_from_text(std::string_view option, std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0 || equals + 1 == text.size())
    return fail(Remedy{"write KEY=VALUE, as system.weights=dram"}, "{} '{}' has no key and value", option, text);
  const std::string value(text.substr(equals + 1));
  const bool list = value.find(',') != std::string::npos && value.front() != '[';
  auto settings = parse_settings(std::string(option), list ? "x: [" + value + "]" : "x: " + value);
  if (!settings || settings->size() != 1 || settings->front().key != "x" || settings->front().values.empty())
    return fail(Remedy{"write KEY=VALUE, as system.weights=dram"}, "{} '{}' has no plain value", option, text);
  settings->front().key = text.substr(0, equals);
  settings->front().place = fmt::format("{} {}", option, text);
  return std::move(settings->front());
}

std::string varied_text(const ComparedMachine& machine) {
  std::vector<std::string> values;
  for (const auto& [key, value] : machine.varied) values.push_back(value);
  return fmt::format("{}", fmt::join(values, " "));
}

Result<std::vector<ComparedMachine>> compare(const Workload& workload, const Comparison& comparison) {
  std::vector<ComparedMachine> machines;
  const auto add = [&](const std::string& name, const Overrides& variation) -> Result<void> {
    Overrides overrides = comparison.set;
    overrides.insert(overrides.end(), variation.begin(), variation.end());
    SC_TRY_ASSIGN(ComparedMachine machine, run_one(workload, name, overrides));
    if (comparison.equal == Equal::kMacroArea && !machines.empty() && !macros_follow(machine.simulation)) {
      SC_TRY_ASSIGN(Setting macros, macros_of_area(all_macros_um2(machines.front().simulation), machine));
      overrides.push_back(std::move(macros));
      SC_TRY_ASSIGN(machine, run_one(workload, name, overrides));
    }
    for (const Setting& setting : variation)
      if (find_setting(comparison.vary, setting.key)->values.size() > 1)
        machine.varied.emplace_back(setting.key, setting.values.front());
    machines.push_back(std::move(machine));
    return {};
  };
  SC_TRY_ASSIGN(const std::vector<Overrides> variations, combinations(comparison.vary));
  for (const Overrides& variation : variations) SC_TRY(add(comparison.machines.front(), variation));
  for (std::size_t i = 1; i < comparison.machines.size(); ++i) SC_TRY(add(comparison.machines[i], {}));
  if (comparison.equal == Equal::kMultipliers) SC_TRY(require_equal_multipliers(machines));
  return machines;
}

Ratios ratios_of(const ComparedMachine& first, const ComparedMachine& other) {
  const Simulation &a = first.simulation, &b = other.simulation;
  return {static_cast<double>(b.cycles) / static_cast<double>(a.cycles), b.latency_ns / a.latency_ns,
          b.energy_pj.nominal / a.energy_pj.nominal, b.area_um2.nominal / a.area_um2.nominal};
}

const ComparedMachine* least_flattering(const std::vector<ComparedMachine>& machines, double Ratios::* ratio) {
  const ComparedMachine* least = nullptr;
  for (const ComparedMachine& machine : machines) {
    if (machine.machine == machines.front().machine) continue;
    const auto gain = [&](const ComparedMachine& other) { return ratios_of(machines.front(), other).*ratio; };
    if (!least || gain(machine) < gain(*least)) least = &machine;
  }
  return least;
}

Json to_json(const Comparison& comparison, const std::vector<ComparedMachine>& machines) {
  Json json = {{"comparison", comparison.name},
               {"equal", kEqualNames[static_cast<std::size_t>(comparison.equal)]},
               {"workload", machines.front().simulation.workload},
               {"machines", Json::array()}};
  for (const ComparedMachine& machine : machines) json["machines"].push_back(row_json(machine, machines.front()));
  json["least_flattering"] = Json::object();
  for (const auto& [name, ratio] : {std::pair{"cycles", &Ratios::cycles},
                                    {"latency", &Ratios::latency},
                                    {"energy", &Ratios::energy},
                                    {"area", &Ratios::area}})
    if (const ComparedMachine* least = least_flattering(machines, ratio))
      json["least_flattering"][name] = {{"machine", least->machine},
                                        {"ratio", ratios_of(machines.front(), *least).*ratio}};
  return json;
}

}  // namespace sparsecim
