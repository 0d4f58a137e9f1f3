#include <fmt/ranges.h>

#include <filesystem>
#include <memory>

#include "base/file.hpp"
#include "base/provenance.hpp"
#include "cli/verb.hpp"
#include "cli/workload_options.hpp"
#include "hardware/comparison.hpp"
#include "report/table.hpp"
#include "report/units.hpp"

namespace sparsecim {
namespace {

namespace fs = std::filesystem;
using report::format_area;
using report::format_energy;
using report::format_number;
using report::format_time;
using report::format_times;

struct SweepRequest {
  WorkloadOptions work;
  std::string comparison = "iso-multiplier", equal;
  std::vector<std::string> machines, set, vary;
  fs::path json;
};

Result<Comparison> comparison_of(const SweepRequest& request) {
  SC_TRY_ASSIGN(Comparison comparison, read_comparison(request.comparison));
  if (!request.machines.empty()) comparison.machines = request.machines;
  for (std::size_t i = 0; i < kEqualNames.size(); ++i)
    if (kEqualNames[i] == request.equal) comparison.equal = static_cast<Equal>(i);
  SC_TRY_ASSIGN(const std::vector<Setting> set, settings_from_texts("--set", request.set));
  comparison.set.insert(comparison.set.end(), set.begin(), set.end());
  if (request.vary.empty()) return comparison;
  SC_TRY_ASSIGN(comparison.vary, settings_from_texts("--vary", request.vary));
  return comparison;
}

/// "dense 1, 2:4 224": operations by the pattern that they ran as.
std::string runs_as_text(const ComparedMachine& machine) {
  std::vector<std::string> words;
  for (const auto& [pattern, operations] : machine.runs_as)
    words.push_back(fmt::format("{} {}", pattern.name(), operations));
  return fmt::format("{}", fmt::join(words, ", "));
}

/// The keys that vary, without the parts in front.
std::string varied_title(const std::vector<ComparedMachine>& machines) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : machines.front().varied) keys.push_back(key.substr(key.rfind('.') + 1));
  return fmt::format("{}", fmt::join(keys, " "));
}

Table sizes_table(const std::vector<ComparedMachine>& machines) {
  Table table({"machine", varied_title(machines), "runs as", "macros", "products/cycle", "clock", "one macro", "chip"});
  for (const ComparedMachine& machine : machines) {
    const Simulation& simulation = machine.simulation;
    table.row({machine.machine, varied_text(machine), runs_as_text(machine),
               format_number(static_cast<double>(simulation.macros)), format_number(simulation.multiplies_per_cycle),
               format_time(simulation.clock_ns), format_area(simulation.macro_area_um2.nominal),
               format_area(simulation.area_um2.nominal)});
  }
  return table;
}

Table verdict_table(const std::vector<ComparedMachine>& machines) {
  Table table({"machine", varied_title(machines), "cycles", "", "latency", "", "energy", "", "low .. high"});
  for (const ComparedMachine& machine : machines) {
    const Simulation& simulation = machine.simulation;
    const Ratios ratios = ratios_of(machines.front(), machine);
    table.row(
        {machine.machine, varied_text(machine), format_number(static_cast<double>(simulation.cycles)),
         format_times(ratios.cycles), format_time(simulation.latency_ns), format_times(ratios.latency),
         format_energy(simulation.energy_pj.nominal), format_times(ratios.energy),
         fmt::format("{} .. {}", format_energy(simulation.energy_pj.low), format_energy(simulation.energy_pj.high))});
  }
  return table;
}

std::string equal_text(Equal equal) {
  switch (equal) {
    case Equal::kMultipliers:
      return "held equal: multiplications per cycle (with weights: resident, macros follow from the work instead)";
    case Equal::kMacroArea:
      return "held equal: the area of all macros with their buffers, to a macro; weight memory follows from the work";
    case Equal::kNothing:
      break;
  }
  return "held equal: nothing, every machine is as its description says";
}

/// The rival that the first machine gains least against, for each figure: what a fair summary quotes.
std::string least_flattering_text(const std::vector<ComparedMachine>& machines) {
  std::string text;
  for (const auto& [name, ratio] :
       {std::pair{"cycles", &Ratios::cycles}, {"latency", &Ratios::latency}, {"energy", &Ratios::energy}})
    if (const ComparedMachine* least = least_flattering(machines, ratio))
      text += fmt::format("least flattering in {}: {}, {} those of {}\n", name, least->machine,
                          format_times(ratios_of(machines.front(), *least).*ratio), machines.front().machine);
  return text;
}

Result<void> write_sweep(const SweepRequest& request, const ModelWorkload& model, const Comparison& comparison,
                         const std::vector<fs::path>& inputs, const std::vector<ComparedMachine>& machines) {
  Json json = to_json(comparison, machines);
  Json options = to_json(request.work, model.request);
  options["comparison"] = request.comparison;
  options["machines"] = comparison.machines;
  options["set"] = request.set;
  options["vary"] = request.vary;
  SC_TRY_ASSIGN(json["provenance"], provenance("sweep", options, inputs));
  return write_json_file(request.json, json);
}

Result<void> run_sweep(const SweepRequest& request) {
  std::vector<fs::path> inputs;
  SC_TRY_ASSIGN(const Comparison comparison, comparison_of(request));
  if (fs::exists(request.comparison)) inputs.emplace_back(request.comparison);
  for (const std::string& machine : comparison.machines)
    if (fs::exists(machine)) inputs.emplace_back(machine);
  SC_TRY_ASSIGN(const ModelWorkload model, read_workload(request.work, inputs));
  SC_TRY_ASSIGN(const std::vector<ComparedMachine> machines, compare(model.workload, comparison));
  if (!request.json.empty()) SC_TRY(write_sweep(request, model, comparison, inputs, machines));
  fmt::print("{}, {}\n{}\n\n{}\n{}\n{}", model.workload.name, comparison.name, equal_text(comparison.equal),
             sizes_table(machines).text(), verdict_table(machines).text(), least_flattering_text(machines));
  for (const std::string& note : model.notes) fmt::print("note: {}\n", note);
  return {};
}

}  // namespace

void add_sweep(CLI::App& app, const CommonOptions&, VerbAction& run) {
  auto request = std::make_shared<SweepRequest>();
  CLI::App* verb =
      app.add_subcommand("sweep", "The same work on several machines, or on one machine varied: one table");
  add_workload(*verb, request->work);
  verb->add_option("--comparison", request->comparison,
                   fmt::format("what runs and what is held equal: {}, or a file (docs/formats/comparisons.md)",
                               fmt::join(comparison_names(), ", ")))
      ->capture_default_str();
  verb->add_option("--arch", request->machines, "machines instead of the comparison's; ratios are of the first")
      ->allow_extra_args(false);
  verb->add_option("--equal", request->equal, "instead of the comparison's: multipliers, macro_area or nothing")
      ->check(CLI::IsMember(kEqualNames));
  add_set(*verb, request->set);
  verb->add_option("--vary", request->vary, "KEY=VALUE,VALUE,... of the first machine, every combination")
      ->allow_extra_args(false);
  verb->add_option("--json", request->json, "write the result to this file");
  verb->footer(
      "Examples:\n"
      "  sparsecim sweep llama-3-8b --pattern 2:8\n"
      "  sparsecim sweep llama-3-8b --pattern 2:8 --comparison iso-area --phase decode\n"
      "  sparsecim sweep gpt2-small --pattern 4:8 --arch flexcim --vary activation_buffer.bits_per_cycle=512,1024");
  verb->callback([request, &run] { run = [request] { return run_sweep(*request); }; });
}

}  // namespace sparsecim
