#include "codesign/record.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>

#include "base/threads.hpp"

namespace sparsecim {
namespace {

/// The type that most of the weights are stored in: "BF16", "Q4_1".
std::string storage_of(const Checkpoint& checkpoint) {
  std::map<std::string, std::int64_t> weights;
  for (const TensorInfo& info : checkpoint.tensors()) weights[info.storage] += info.elements();
  std::string largest;
  for (const auto& [storage, count] : weights)
    if (largest.empty() || count > weights[largest]) largest = storage;
  return largest;
}

std::string processor() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "unknown";
}

Json model_json(const OpenModel& dense, const CodesignJob& job, const Plan& plan) {
  const ModelConfig& config = dense.checkpoint->config();
  return {{"name", job.model},
          {"architecture", config.architecture},
          {"parameters", plan.weights() + plan.other_weights},
          {"layers", config.n_layers},
          {"hidden_size", config.hidden_size},
          {"heads", config.n_heads},
          {"kv_heads", config.n_kv_heads},
          {"vocabulary", config.vocab_size},
          {"source_storage", storage_of(*dense.checkpoint)},
          {"planned_weights", plan.weights()}};
}

Json optional(const std::optional<double>& value) { return value ? Json(*value) : Json(nullptr); }

/// None where only sizes, times or energies bound the plan.
std::optional<double> asked_sparsity(const Plan& plan) {
  return plan.requested_sparsity > 0 ? std::optional(plan.requested_sparsity) : std::nullopt;
}

Json request_json(const CodesignJob& job, const CodesignResult& result, const RecordContext& context) {
  const Variant& dense = result.variants[0];
  Json options = Json::array(), phases = Json::array();
  for (const Pattern pattern : job.selection.options) options.push_back(pattern.name());
  for (std::size_t i = 0; i < dense.hardware.size(); i += job.machines.size()) {
    const WorkloadRequest& work = dense.hardware[i].work;
    phases.push_back(
        {{"phase", name(work.phase)}, {"tokens", *work.tokens}, {"batch", work.batch}, {"context", *work.context}});
  }
  return {
      {"sparsity", optional(asked_sparsity(result.plan))},
      {"arch", job.machines[0].name},
      {"baseline_arch", job.machines.back().name},
      {"macros", dense.hardware[0].simulation.macros},
      {"method", name(job.selection.method)},
      {"options", std::move(options)},
      {"tau", job.selection.tau},
      {"granularity", name(job.selection.granularity)},
      {"calibration",
       {{"text", context.calibration_text},
        {"samples", context.calibration_samples},
        {"length", context.calibration_length},
        {"tokens", job.calibration ? job.calibration->tokens : 0}}},
      {"evaluation",
       {{"text", context.evaluation_text}, {"tokens", dense.quality.tokens}, {"context", context.evaluation_context}}},
      {"phases", std::move(phases)}};
}

/// The plain numbers of a simulation, and what energy and area go to. The operations are left to `simulate --json`:
/// a few hundred for each of a dozen runs would bury the record.
Json hardware_json(const HardwareRun& run) {
  Json energy = Json::object(), area = Json::object();
  for (const ComponentEnergy& part : run.simulation.energy) energy[part.component] = part.energy_pj.nominal;
  for (const PricedPart& part : run.simulation.parts) {  // a component may have parts in the macros and beside them
    const double before = area.contains(part.component) ? area[part.component].get<double>() : 0;
    area[part.component] = before + part.area_um2.nominal;
  }
  Json json = {{"arch", run.machine}, {"phase", name(run.work.phase)}};
  const Json whole = to_json(run.simulation);
  for (const auto& [key, value] : whole.items())
    if (value.is_number()) json[key] = value;
  json["energy_by_component"] = std::move(energy);
  json["area_by_component"] = std::move(area);
  return json;
}

/// What the figures of each machine rest on: its parameters, and every constant with its source.
Json machines_json(const Variant& dense) {
  Json machines = Json::object();
  for (const HardwareRun& run : dense.hardware) {
    Json detail = to_json(run.simulation);
    const char* parameters = detail.contains("machine_parameters") ? "machine_parameters" : "parameters";
    machines[run.machine] = {{"parameters", detail[parameters]}, {"constants", detail["constants"]}};
  }
  return machines;
}

Json variant_json(const Variant& variant) {
  Json hardware = Json::array();
  for (const HardwareRun& run : variant.hardware) hardware.push_back(hardware_json(run));
  return {{"name", variant.name},
          {"label", variant.label},
          {"sparsity", variant.plan.sparsity()},
          {"whole_model_sparsity", variant.plan.whole_model_sparsity()},
          {"stored_bytes", variant.plan.stored_bytes()},
          {"quality", to_json(variant.quality)},
          {"hardware", std::move(hardware)}};
}

Json baseline_json(const Baseline& baseline) {
  return {{"name", baseline.name},
          {"label", baseline.label},
          {"stored_bytes", baseline.stored_bytes},
          {"quality", to_json(baseline.quality)}};
}

/// The pattern that all matrices of a block share; null where they differ.
Json block_pattern(const Plan& plan, std::int64_t block) {
  std::optional<Pattern> shared;
  for (const PlannedMatrix& matrix : plan.matrices) {
    if (matrix.block != block) continue;
    if (shared && *shared != matrix.pattern) return nullptr;
    shared = matrix.pattern;
  }
  return shared ? Json(shared->name()) : Json(nullptr);
}

Json selection_json(const CodesignResult& result) {
  Json blocks = Json::array(), matrices = Json::array();
  for (std::size_t i = 0; i < result.blocks.size(); ++i)
    blocks.push_back({{"block", i},
                      {"outlier_share", result.blocks[i].share()},
                      {"outlier_distribution", optional(result.blocks[i].distribution)},
                      {"pattern", block_pattern(result.plan, static_cast<std::int64_t>(i))}});
  for (const PlannedMatrix& matrix : result.plan.matrices)
    matrices.push_back({{"name", matrix.name},
                        {"block", matrix.block},
                        {"linear", matrix.name.substr(matrix_name(matrix.block, "").size())},
                        {"n_out", matrix.n_out},
                        {"n_in", matrix.n_in},
                        {"weights", matrix.weights()},
                        {"pattern", matrix.pattern.name()},
                        {"outlier_share", optional(matrix.outlier_share)},
                        {"outlier_distribution", optional(matrix.outlier_distribution)}});
  auto slack = asked_sparsity(result.plan);
  if (slack) slack = result.plan.sparsity() - *slack;
  return {{"notes", result.plan.notes},
          {"slack", optional(slack)},
          {"blocks", std::move(blocks)},
          {"matrices", std::move(matrices)}};
}

/// What a reader must know to read the numbers right, each said once.
Json notes_of(const OpenModel& dense, const CodesignResult& result) {
  const bool single = dense.llama.compute().dtype == at::kFloat;
  Json notes = {
      "Stored bytes: 8 bits per kept weight and log2(M) bits for its position; 8 bits per weight outside the decoder "
      "blocks' matrices.",
      fmt::format("Perplexity is of {} arithmetic on the pruned weights; the machines compute with 8-bit integers.",
                  single ? "float32" : "bfloat16"),
  };
  for (const std::string& note : result.notes) notes.push_back("Not on the Pareto front: " + note);
  for (const Variant& variant : result.variants)
    for (const HardwareRun& run : variant.hardware)
      for (const std::string& note : run.simulation.notes)
        if (const Json said = run.machine + ": " + note; std::ranges::find(notes, said) == notes.end())
          notes.push_back(said);
  return notes;
}

}  // namespace

Json make_record(const OpenModel& dense, const CodesignJob& job, const CodesignResult& result,
                 const RecordContext& context) {
  Json variants = Json::array(), baselines = Json::array(), stages = Json::array();
  for (const Baseline& baseline : result.baselines) baselines.push_back(baseline_json(baseline));
  for (const Variant& variant : result.variants) variants.push_back(variant_json(variant));
  for (const Stage& stage : result.stages) stages.push_back({{"name", stage.name}, {"seconds", stage.seconds}});
  Json pareto;  // null where it was not asked for
  if (!result.points.empty()) pareto = pareto_json(result.points, result.subject);
  return {{"schema", "sparsecim.record/1"},
          {"provenance", job.provenance},
          {"model", model_json(dense, job, result.plan)},
          {"request", request_json(job, result, context)},
          {"variants", std::move(variants)},
          {"baselines", std::move(baselines)},
          {"pareto", std::move(pareto)},
          {"selection", selection_json(result)},
          {"stages", std::move(stages)},
          {"machine", {{"cpu", processor()}, {"threads", thread_count()}}},
          {"machines", machines_json(result.variants[0])},
          {"notes", notes_of(dense, result)}};
}

}  // namespace sparsecim
