#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "base/file.hpp"
#include "base/provenance.hpp"
#include "cli/simulation_text.hpp"
#include "cli/verb.hpp"
#include "cli/workload_options.hpp"
#include "hardware/analog/machine.hpp"
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
  // of analog arrays
  std::string mapping, adcs, adc_bits, stream_of;
  fs::path stream, picture;
};

constexpr std::int64_t kPicturedArrays = 16;

/// --set, and the options that stand for a setting each.
Result<std::vector<Setting>> settings_of(const SimulateRequest& request) {
  SC_TRY_ASSIGN(std::vector<Setting> set, settings_from_texts("--set", request.set));
  for (const auto& [option, key, value] : {std::tuple{"--mapping", "mapping", request.mapping},
                                           {"--adcs", "array.adcs", request.adcs},
                                           {"--adc-bits", "adc.bits", request.adc_bits}})
    if (!value.empty()) set.push_back({.key = key, .values = {value}, .list = false, .place = option});
  return set;
}

/// Analog arrays hold the matrices of the layers: the head is another machine's.
WorkloadOptions work_of(const SimulateRequest& request, const Machine& machine, std::vector<std::string>& notes) {
  WorkloadOptions work = request.work;
  if (machine.kind() == "analog" && !work.no_head) {
    work.no_head = true;
    notes.emplace_back("the matrices behind the last layer are left out: arrays hold those of the layers");
  }
  return work;
}

/// What only analog arrays have to show.
Result<void> write_array_files(const SimulateRequest& request, const Machine& machine, const Workload& workload) {
  if (!request.stream.empty()) {
    const std::string of = request.stream_of.empty() ? first_matrix(workload) : request.stream_of;
    SC_TRY_ASSIGN(const CommandStream stream, within("--stream", analog_stream(machine, workload, of)));
    const bool binary = request.stream.extension() == ".bin";
    SC_TRY(write_text_file(request.stream, binary ? to_binary(stream) : to_text(stream)));
  }
  if (!request.picture.empty()) {
    SC_TRY_ASSIGN(const std::string svg, within("--picture", analog_picture(machine, workload, kPicturedArrays)));
    SC_TRY(write_text_file(request.picture, svg));
  }
  return {};
}

Json simulate_options_json(const SimulateRequest& request, const WorkloadRequest& resolved) {
  Json json = to_json(request.work, resolved);
  json["arch"] = request.arch;
  json["fidelity"] = request.fidelity;
  if (!request.set.empty()) json["set"] = request.set;
  for (const auto& [key, value] :
       {std::pair{"mapping", request.mapping}, {"adcs", request.adcs}, {"adc_bits", request.adc_bits}})
    if (!value.empty()) json[key] = value;
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
  SC_TRY_ASSIGN(const std::vector<Setting> set, settings_of(request));
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
  std::vector<std::string> notes;
  SC_TRY_ASSIGN(const ModelWorkload model, read_workload(work_of(request, *machine.machine, notes), inputs));
  notes.insert(notes.begin(), model.notes.begin(), model.notes.end());
  SC_TRY_ASSIGN(Simulation simulation, simulate(model.workload, machine, fidelity_of(request)));
  simulation.notes.insert(simulation.notes.begin(), notes.begin(), notes.end());
  if (!request.json.empty()) SC_TRY(write_json(request, model.request, inputs, simulation));
  if (!request.trace.empty()) SC_TRY(write_json_file(request.trace, to_trace(simulation)));
  SC_TRY(write_array_files(request, *machine.machine, model.workload));
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
  verb.add_option("--mapping", request.mapping,
                  fmt::format("where an analog machine's weights lie: {}; all but linear take Monarch matrices of the "
                              "same shapes",
                              fmt::join(kCellMappingNames, ", ")));
  verb.add_option("--adcs", request.adcs, "converters of an analog array");
  verb.add_option("--adc-bits", request.adc_bits, "bits of an analog array's converters (default: by adc.rule)");
  CLI::Option* stream =
      verb.add_option("--stream", request.stream,
                      "write the commands for one token of an analog machine's matrix to this file (.bin: binary)");
  verb.add_option("--stream-of", request.stream_of, "the matrix, with those that run beside it (default: the first)")
      ->needs(stream);
  verb.add_option("--picture", request.picture, "draw which cells of the first analog arrays hold what, as SVG");
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
      "  sparsecim simulate bert-large --arch analog --mapping densemap --adcs 8 --picture arrays.svg\n"
      "  sparsecim simulate llama-3-8b --pattern 4:8 --synthesis docs/results/rtl-area.json");
  verb->callback([request, &run] { run = [request] { return run_simulate(*request); }; });
}

}  // namespace sparsecim
