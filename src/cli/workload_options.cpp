#include "cli/workload_options.hpp"

#include <fmt/ranges.h>

#include "base/threads.hpp"
#include "checkpoint/checkpoint.hpp"
#include "hardware/comparison.hpp"
#include "workload/activities.hpp"

namespace sparsecim {
namespace {

namespace fs = std::filesystem;

Result<SparsityRequest> sparsity_of(const WorkloadOptions& options, std::vector<fs::path>& inputs) {
  SparsityRequest sparsity;
  if (!options.pattern.empty()) {
    SC_TRY_ASSIGN(sparsity.pattern, parse_pattern(options.pattern));
  }
  if (!options.plan.empty()) {
    SC_TRY_ASSIGN(sparsity.plan, read_plan(options.plan));
    inputs.push_back(options.plan);
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

/// Lets the parser refuse what parse_pattern refuses.
std::string pattern_complaint(const std::string& text) {
  const auto pattern = parse_pattern(text);
  return pattern ? std::string() : pattern.error().line();
}

/// As read_workload, with declared activities.
Result<ModelWorkload> declared_workload(const WorkloadOptions& options, std::vector<fs::path>& inputs) {
  SC_TRY_ASSIGN(const Phase phase, parse_phase(options.phase));
  const WorkloadRequest work{phase, options.tokens, options.context, options.batch, !options.no_head};
  SC_TRY_ASSIGN(const SparsityRequest sparsity, sparsity_of(options, inputs));
  if (names_shapes(options.model) && !fs::is_directory(options.model)) {
    SC_TRY_ASSIGN(const ModelShapes shapes, read_shapes(options.model));
    if (fs::exists(options.model)) inputs.push_back(options.model);
    return workload_from_shapes(shapes, sparsity, work);
  }
  SC_TRY_ASSIGN(const auto checkpoint, open_model(options.model));
  for (const fs::path& file : checkpoint->files()) inputs.push_back(file);
  return workload_from_checkpoint(*checkpoint, display_name(options.model), sparsity, work);
}

}  // namespace

Result<ModelWorkload> read_workload(const WorkloadOptions& options, std::vector<fs::path>& inputs) {
  SC_TRY_ASSIGN(ModelWorkload model, declared_workload(options, inputs));
  if (options.activities.empty()) return model;
  SC_TRY_ASSIGN(const Activities activities, read_activities(options.activities));
  inputs.push_back(options.activities);
  SC_TRY(within(options.activities.string(), set_activities(model.workload, activities)));
  return model;
}

Json to_json(const WorkloadOptions& options, const WorkloadRequest& resolved) {
  Json json = {{"model", options.model},   {"phase", options.phase},       {"tokens", *resolved.tokens},
               {"batch", resolved.batch},  {"context", *resolved.context}, {"head", resolved.head},
               {"threads", thread_count()}};
  if (!options.plan.empty()) json["plan"] = options.plan.string();
  if (!options.pattern.empty()) json["pattern"] = options.pattern;
  if (!options.activities.empty()) json["activities"] = options.activities.string();
  return json;
}

Result<std::vector<Setting>> settings_from_texts(std::string_view option, const std::vector<std::string>& texts) {
  std::vector<Setting> settings;
  for (const std::string& text : texts) {
    SC_TRY_ASSIGN(settings.emplace_back(), setting_from_text(option, text));
  }
  return settings;
}

void add_set(CLI::App& verb, std::vector<std::string>& set) {
  verb.add_option("--set", set, "KEY=VALUE instead of what the machine's description says, as system.weights=dram")
      ->allow_extra_args(false);
}

void add_workload(CLI::App& verb, WorkloadOptions& options) {
  verb.add_option(
          "MODEL", options.model,
          "directory in Hugging Face layout, .gguf, llama2.c .bin, a name that tools/fetch-model knows, a shape "
          "file (.yaml), or the name of a shipped one: bart-large bert-large gpt2-medium gpt2-small llama-2-7b "
          "llama-3-8b opt-6.7b rwkv-4-7b")
      ->required();
  CLI::Option* plan = verb.add_option("--plan", options.plan, "patterns by matrix, as `select` writes them");
  verb.add_option("--pattern", options.pattern, "N:M for every matrix of the layers (default: what the zeros satisfy)")
      ->check(CLI::Validator(pattern_complaint, "N:M"))
      ->excludes(plan);
  verb.add_option("--phase", options.phase, "prefill or decode")
      ->check(CLI::IsMember({"prefill", "decode"}))
      ->capture_default_str();
  verb.add_option("--tokens", options.tokens,
                  "tokens of each sequence that are read (default 512, or the model's most) or decoded (default 1)");
  verb.add_option("--batch", options.batch, "sequences")->capture_default_str();
  verb.add_option(
      "--context", options.context,
      "tokens of each sequence that were processed before (default: prefill 0, decode 512): token i of "
      "--tokens sees these and i keys more; for an encoder-decoder that decodes, those that the encoder read");
  verb.add_option("--activities", options.activities,
                  "how activations' bits change, as `eval --activities` measured it (default: half of them do)");
  verb.add_flag("--no-head", options.no_head, "leave out the matrices behind the last layer");
}

}  // namespace sparsecim
