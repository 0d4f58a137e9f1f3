#include <fmt/ranges.h>

#include <filesystem>
#include <memory>
#include <optional>

#include "base/file.hpp"
#include "base/provenance.hpp"
#include "base/threads.hpp"
#include "checkpoint/checkpoint.hpp"
#include "cli/simulation_text.hpp"
#include "cli/verb.hpp"
#include "hardware/simulate.hpp"
#include "workload/model_workload.hpp"

namespace sparsecim {
namespace {

namespace fs = std::filesystem;

struct SimulateRequest {
  std::string model, arch = "flexcim", pattern, phase = "prefill";
  fs::path plan, json, trace;
  std::optional<std::int64_t> tokens, context;
  std::int64_t batch = 1;
  bool no_head = false;
};

/// What was read, for the record.
using Inputs = std::vector<fs::path>;

Result<SparsityRequest> sparsity_of(const SimulateRequest& request, Inputs& inputs) {
  SparsityRequest sparsity;
  if (!request.pattern.empty()) {
    SC_TRY_ASSIGN(sparsity.pattern, parse_pattern(request.pattern));
  }
  if (!request.plan.empty()) {
    SC_TRY_ASSIGN(sparsity.plan, read_plan(request.plan));
    inputs.push_back(request.plan);
  }
  return sparsity;
}

/// What is neither a file nor a fetched model may be a misspelt shape.
Result<std::unique_ptr<Checkpoint>> open_model(const std::string& model) {
  auto checkpoint = open_checkpoint(model);
  if (!checkpoint && !fs::exists(model))
    checkpoint.error().remedy += fmt::format("; shapes are shipped for {}", fmt::join(shipped_shapes(), ", "));
  return checkpoint;
}

Result<ModelWorkload> workload_of(const SimulateRequest& request, Inputs& inputs) {
  SC_TRY_ASSIGN(const Phase phase, parse_phase(request.phase));
  const WorkloadRequest work{phase, request.tokens, request.context, request.batch, !request.no_head};
  SC_TRY_ASSIGN(const SparsityRequest sparsity, sparsity_of(request, inputs));
  if (names_shapes(request.model) && !fs::is_directory(request.model)) {
    SC_TRY_ASSIGN(const ModelShapes shapes, read_shapes(request.model));
    if (fs::exists(request.model)) inputs.push_back(request.model);
    return workload_from_shapes(shapes, sparsity, work);
  }
  SC_TRY_ASSIGN(const auto checkpoint, open_model(request.model));
  for (const fs::path& file : checkpoint->files()) inputs.push_back(file);
  return workload_from_checkpoint(*checkpoint, display_name(request.model), sparsity, work);
}

/// The options as they were resolved.
Json options_json(const SimulateRequest& request, const WorkloadRequest& resolved) {
  Json json = {{"model", request.model},     {"arch", request.arch},     {"phase", request.phase},
               {"tokens", *resolved.tokens}, {"batch", resolved.batch},  {"context", *resolved.context},
               {"head", resolved.head},      {"threads", thread_count()}};
  if (!request.plan.empty()) json["plan"] = request.plan.string();
  if (!request.pattern.empty()) json["pattern"] = request.pattern;
  return json;
}

Result<void> write_json(const SimulateRequest& request, const WorkloadRequest& resolved, const Inputs& inputs,
                        const Simulation& simulation) {
  Json json = to_json(simulation);
  SC_TRY_ASSIGN(json["provenance"], provenance("simulate", options_json(request, resolved), inputs));
  return write_json_file(request.json, json);
}

Result<void> run_simulate(const SimulateRequest& request) {
  Inputs inputs;
  SC_TRY_ASSIGN(const MachineDescription machine, open_machine(request.arch));
  if (fs::exists(request.arch)) inputs.push_back(request.arch);
  SC_TRY_ASSIGN(const ModelWorkload model, workload_of(request, inputs));
  SC_TRY_ASSIGN(Simulation simulation, simulate(model.workload, machine));
  simulation.notes.insert(simulation.notes.begin(), model.notes.begin(), model.notes.end());
  if (!request.json.empty()) SC_TRY(write_json(request, model.request, inputs, simulation));
  if (!request.trace.empty()) SC_TRY(write_json_file(request.trace, to_trace(simulation)));
  fmt::print("{}", simulation_text(simulation));
  return {};
}

/// Lets the parser refuse what parse_pattern refuses.
std::string pattern_complaint(const std::string& text) {
  const auto pattern = parse_pattern(text);
  return pattern ? std::string() : pattern.error().line();
}

void add_options(CLI::App& verb, SimulateRequest& request) {
  verb.add_option(
          "MODEL", request.model,
          "directory in Hugging Face layout, .gguf, llama2.c .bin, a name that tools/fetch-model knows, a shape "
          "file (.yaml), or the name of a shipped one: bart-large bert-large gpt2-medium gpt2-small llama-2-7b "
          "llama-3-8b opt-6.7b rwkv-4-7b")
      ->required();
  verb.add_option("--arch", request.arch,
                  fmt::format("machine: {}, or the path of a description", fmt::join(machine_names(), ", ")))
      ->capture_default_str();
  CLI::Option* plan = verb.add_option("--plan", request.plan, "patterns by matrix, as `select` writes them");
  verb.add_option("--pattern", request.pattern, "N:M for every matrix of the layers (default: what the zeros satisfy)")
      ->check(CLI::Validator(pattern_complaint, "N:M"))
      ->excludes(plan);
  verb.add_option("--phase", request.phase, "prefill or decode")
      ->check(CLI::IsMember({"prefill", "decode"}))
      ->capture_default_str();
  verb.add_option("--tokens", request.tokens,
                  "tokens of each sequence that are read (default 512, or the model's most) or decoded (default 1)");
  verb.add_option("--batch", request.batch, "sequences")->capture_default_str();
  verb.add_option("--context", request.context,
                  "tokens of each sequence that were processed before (default: prefill 0, decode 512); for an "
                  "encoder-decoder that decodes, those that the encoder read");
  verb.add_flag("--no-head", request.no_head, "leave out the matrices behind the last layer");
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
      "  sparsecim simulate pruned/ --phase decode --tokens 64 --context 512 --trace schedule.json");
  verb->callback([request, &run] { run = [request] { return run_simulate(*request); }; });
}

}  // namespace sparsecim
