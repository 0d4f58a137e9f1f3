#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>

#include "base/file.hpp"
#include "base/progress.hpp"
#include "base/provenance.hpp"
#include "cli/simulation_text.hpp"
#include "cli/verb.hpp"
#include "cli/workload_options.hpp"
#include "hardware/analog/machine.hpp"
#include "hardware/analog/run_stream.hpp"
#include "hardware/simulate.hpp"
#include "hardware/synthesis.hpp"
#include "report/simulation_page.hpp"
#include "report/table.hpp"
#include "report/units.hpp"

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
  fs::path stream, picture, run_stream, report;
  std::uint64_t seed = 0;
};

constexpr std::int64_t kPicturedArrays = 16;
constexpr std::size_t kTimelinePhases = 8;  // two layers

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

std::string streamed_matrix(const SimulateRequest& request, const Workload& workload) {
  return request.stream_of.empty() ? first_matrix(workload) : request.stream_of;
}

/// What only analog arrays have to show.
Result<void> write_array_files(const SimulateRequest& request, const Machine& machine, const Workload& workload) {
  if (!request.stream.empty()) {
    const std::string of = streamed_matrix(request, workload);
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

/// The stream that was asked for, executed.
Result<std::optional<StreamRun>> executed_stream(const SimulateRequest& request, const Machine& machine,
                                                 const Workload& workload) {
  if (request.run_stream.empty()) return std::nullopt;
  const std::string file = request.run_stream.string();
  SC_TRY_ASSIGN(const std::string bytes, read_text_file(request.run_stream));
  SC_TRY_ASSIGN(const CommandStream stream, within(file, parse_stream(bytes)));
  SC_TRY_ASSIGN(const StreamRun run,
                within(file, run_stream(machine, workload, streamed_matrix(request, workload), stream, request.seed)));
  return run;
}

std::string stream_text(const StreamRun& run) {
  Table table({"stream", "executed"});
  table.row({"commands",
             fmt::format("{} for {} token{}", format_count(run.commands), run.tokens, run.tokens == 1 ? "" : "s")});
  table.row({"time", fmt::format("{} on {} arrays", report::format_time(run.latency_ns), run.busy_arrays)});
  if (!run.not_computed.empty()) return table.text() + "not computed by number: " + run.not_computed + "\n";
  table.row({"conversions", fmt::format("{}, {} clipped", format_count(run.conversions), format_count(run.clipped))});
  table.row({"outputs", run.wrong == 0
                            ? fmt::format("{}: all the plain product's", format_count(run.outputs))
                            : fmt::format("{}: {} differ from the plain product, by up to {}",
                                          format_count(run.outputs), format_count(run.wrong), run.largest_error)});
  return table.text();
}

/// The page for people.
Result<void> write_report(const SimulateRequest& request, const Machine& machine, const Workload& workload,
                          const Json& result) {
  if (request.report.empty()) return {};
  ArrayPictures pictures;
  if (machine.kind() == "analog") {
    SC_TRY_ASSIGN(pictures.cells, analog_picture(machine, workload, kPicturedArrays));
    SC_TRY_ASSIGN(pictures.timeline, analog_timeline(machine, workload, kPicturedArrays, kTimelinePhases));
  }
  SC_TRY_ASSIGN(const std::string page, render_simulation_page(result, pictures));
  return write_text_file(request.report, page);
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
  if (!request.run_stream.empty())
    json.update({{"run_stream", request.run_stream.string()}, {"stream_of", request.stream_of}});
  return json;
}

Result<void> write_json(const SimulateRequest& request, const WorkloadRequest& resolved,
                        const std::vector<fs::path>& inputs, const std::optional<StreamRun>& stream, Json json) {
  if (stream) json["stream"] = to_json(*stream);
  const std::optional<std::uint64_t> seed = stream ? std::optional(request.seed) : std::nullopt;
  SC_TRY_ASSIGN(json["provenance"], provenance("simulate", simulate_options_json(request, resolved), inputs, seed));
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
  SC_TRY_ASSIGN(const auto stream, executed_stream(request, *machine.machine, model.workload));
  if (stream) inputs.push_back(request.run_stream);
  if (!request.json.empty()) SC_TRY(write_json(request, model.request, inputs, stream, to_json(simulation)));
  SC_TRY(write_report(request, *machine.machine, model.workload, to_json(simulation)));
  if (!request.trace.empty()) SC_TRY(write_json_file(request.trace, to_trace(simulation)));
  SC_TRY(write_array_files(request, *machine.machine, model.workload));
  fmt::print("{}", simulation_text(simulation));
  if (stream) fmt::print("\n{}", stream_text(*stream));
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
  CLI::Option* run = verb.add_option(
      "--run-stream", request.run_stream,
      "execute this file's commands, on arrays that hold -1, 0 and 1 at random, and compare with the plain product");
  run->excludes(stream);
  verb.add_option("--stream-of", request.stream_of,
                  "the matrix of --stream or --run-stream, with those that run beside it (default: the first)");
  add_seed(verb, "--seed", request.seed, "of what --run-stream computes with")->needs(run);
  verb.add_option("--picture", request.picture, "draw which cells of the first analog arrays hold what, as SVG");
  verb.add_option("--synthesis", request.synthesis,
                  "areas of the macro's logic from a synthesised netlist: what tools/synthesise wrote");
  verb.add_option("--json", request.json, "write the result to this file");
  verb.add_option(
      "--report", request.report,
      "write a page for people to this file (HTML): figures, costs, and of analog arrays what cells hold and "
      "when arrays work");
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
      "  sparsecim simulate bert-large --arch analog --mapping densemap --adcs 8 --report arrays.html\n"
      "  sparsecim simulate gpt2-medium --arch analog --mapping densemap --stream commands.txt\n"
      "  sparsecim simulate gpt2-medium --arch analog --mapping densemap --run-stream commands.txt\n"
      "  sparsecim simulate llama-3-8b --pattern 4:8 --synthesis docs/results/rtl-area.json");
  verb->callback([request, &run] { run = [request] { return run_simulate(*request); }; });
}

}  // namespace sparsecim
