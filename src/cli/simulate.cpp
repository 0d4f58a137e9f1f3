#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "base/file.hpp"
#include "base/provenance.hpp"
#include "cli/simulation_text.hpp"
#include "cli/verb.hpp"
#include "cli/workload_options.hpp"
#include "hardware/simulate.hpp"
#include "hardware/synthesis.hpp"

namespace sparsecim {
namespace {

namespace fs = std::filesystem;

struct SimulateRequest {
  WorkloadOptions work;
  std::string arch = "flexcim", fidelity = std::string(kFidelityNames[0]);
  std::vector<std::string> set;
  fs::path json, trace, synthesis;
};

Json simulate_options_json(const SimulateRequest& request, const WorkloadRequest& resolved) {
  Json json = to_json(request.work, resolved);
  json["arch"] = request.arch;
  json["fidelity"] = request.fidelity;
  if (!request.set.empty()) json["set"] = request.set;
  if (!request.synthesis.empty()) json["synthesis"] = request.synthesis.string();
  return json;
}

Result<void> write_json(const SimulateRequest& request, const WorkloadRequest& resolved,
                        const std::vector<fs::path>& inputs, const Simulation& simulation) {
  Json json = to_json(simulation);
  SC_TRY_ASSIGN(json["provenance"], provenance("simulate", simulate_options_json(request, resolved), inputs));
  return write_json_file(request.json, json);
}

Fidelity fidelity_of(const SimulateRequest& request) {
  return static_cast<Fidelity>(std::ranges::find(kFidelityNames, request.fidelity) - std::begin(kFidelityNames));
}

Result<MachineDescription> requested_machine(const SimulateRequest& request, std::vector<fs::path>& inputs) {
  SC_TRY_ASSIGN(const std::vector<Setting> set, settings_from_texts("--set", request.set));
  SC_TRY_ASSIGN(MachineDescription machine, open_machine(request.arch, set));
  if (fs::exists(request.arch)) inputs.push_back(request.arch);
  if (request.synthesis.empty()) return machine;
  SC_TRY_ASSIGN(const Synthesis synthesis, read_synthesis(request.synthesis));
  inputs.push_back(request.synthesis);
  return within(request.synthesis.string(), with_synthesised_areas(machine, synthesis));
}

Result<void> run_simulate(const SimulateRequest& request) {
  std::vector<fs::path> inputs;
  SC_TRY_ASSIGN(const MachineDescription machine, requested_machine(request, inputs));
  SC_TRY_ASSIGN(const ModelWorkload model, read_workload(request.work, inputs));
  SC_TRY_ASSIGN(Simulation simulation, simulate(model.workload, machine, fidelity_of(request)));
  simulation.notes.insert(simulation.notes.begin(), model.notes.begin(), model.notes.end());
  if (!request.json.empty()) SC_TRY(write_json(request, model.request, inputs, simulation));
  if (!request.trace.empty()) SC_TRY(write_json_file(request.trace, to_trace(simulation)));
  fmt::print("{}", simulation_text(simulation));
  return {};
}

void add_options(CLI::App& verb, SimulateRequest& request) {
  add_workload(verb, request.work);
  verb.add_option("--arch", request.arch,
                  fmt::format("machine: {}, or the path of a description", fmt::join(machine_names(), ", ")))
      ->capture_default_str();
  add_set(verb, request.set);
  verb.add_option(
          "--fidelity", request.fidelity,
          "closed-form: formulas; cycle: a walk from event to event, which takes the same cycles and puts every "
          "step of a matrix into the trace")
      ->check(CLI::IsMember(std::vector<std::string>(std::begin(kFidelityNames), std::end(kFidelityNames))))
      ->capture_default_str();
  verb.add_option("--synthesis", request.synthesis,
                  "areas of the macro's logic from a synthesised netlist: what tools/synthesise wrote");
  verb.add_option("--json", request.json, "write the result to this file");
  verb.add_option("--trace", request.trace, "write the schedule to this file, for chrome://tracing or Perfetto");
}

}  // namespace

void add_simulate(CLI::App& app, const CommonOptions&, VerbAction& run) {
  auto request = std::make_shared<SimulateRequest>();
  CLI::App* verb =
      app.add_subcommand("simulate", "Latency, energy and area of a model on a compute-in-memory accelerator");
  add_options(*verb, *request);
  verb->footer(
      "Examples:\n"
      "  sparsecim simulate llama-3-8b --pattern 4:8\n"
      "  sparsecim simulate smollm2-135m --plan plan.json --arch dense-dcim --json result.json\n"
      "  sparsecim simulate pruned/ --phase decode --tokens 64 --context 512 --fidelity cycle --trace schedule.json\n"
      "  sparsecim simulate llama-3-8b --phase decode --tokens 64 --batch 8 --set system.attention=macros\n"
      "  sparsecim simulate llama-3-8b --pattern 4:8 --synthesis docs/results/rtl-area.json");
  verb->callback([request, &run] { run = [request] { return run_simulate(*request); }; });
}

}  // namespace sparsecim
