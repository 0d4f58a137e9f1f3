#include <algorithm>
#include <map>
#include <memory>

#include "base/file.hpp"
#include "base/interrupt.hpp"
#include "base/progress.hpp"
#include "base/provenance.hpp"
#include "cli/inspection.hpp"
#include "cli/verb.hpp"

namespace sparsecim {

std::vector<Pattern> patterns_looked_for(std::int64_t n_in) {
  std::vector<Pattern> patterns;
  for (const int m : {2, 4, 8, 16})
    for (int n = 1; n < m && m <= n_in; ++n) patterns.push_back({n, m});
  return patterns;
}

std::optional<int> tightest(const ZeroStatistics& zeros, int m) {
  std::optional<int> least;
  for (const Pattern pattern : zeros.satisfied)
    if (pattern.m == m && (!least || pattern.n < *least)) least = pattern.n;
  return least;
}

std::string name_within_block(const std::string& name) {
  constexpr std::string_view kPrefix = "model.layers.";
  if (!name.starts_with(kPrefix)) return {};
  const auto dot = name.find('.', kPrefix.size());
  return dot == std::string::npos ? std::string() : name.substr(dot + 1);
}

void InspectionTotals::add(const InspectedTensor& tensor) {
  ++tensors;
  weights += tensor.zeros.weights;
  zeros += tensor.zeros.zeros;
  bytes += tensor.info.bytes;
}

InspectionTotals totals_of(const std::vector<InspectedTensor>& tensors, bool block_linears_only) {
  InspectionTotals totals;
  for (const InspectedTensor& tensor : tensors)
    if (tensor.is_block_linear || tensor.is_factor || !block_linears_only) totals.add(tensor);
  return totals;
}

namespace {

struct InspectRequest {
  std::string model, json;
  bool all_tensors = false;
};

bool is_block_linear(const TensorInfo& info, const ModelConfig& config) {
  const std::string name = name_within_block(info.name);
  return std::ranges::any_of(block_linears(config),
                             [&](const LinearShape& linear) { return name == linear.name + ".weight"; });
}

Result<std::vector<InspectedTensor>> inspect_tensors(const Checkpoint& checkpoint) {
  std::int64_t total = 0;
  for (const TensorInfo& info : checkpoint.tensors()) total += info.elements();
  Progress progress("reading", total, "weights");
  std::vector<InspectedTensor> inspected;
  std::vector<float> values;
  for (const RequiredTensor& required : required_tensors(checkpoint.config())) {
    SC_TRY(check_interrupt());
    const TensorInfo& info = *checkpoint.find(required.name);
    values.resize(static_cast<std::size_t>(info.elements()));
    SC_TRY(checkpoint.read(info, values));
    const bool linear = is_block_linear(info, checkpoint.config());
    const auto asked = linear ? patterns_looked_for(info.shape.back()) : std::vector<Pattern>();
    const bool factor = info.name.ends_with(kMonarchRight) || info.name.ends_with(kMonarchLeft);
    inspected.push_back({info, linear, factor, zero_statistics(values, info.shape.back(), asked)});
    progress.advance(info.elements());
  }
  return inspected;
}

Json to_json(const InspectedTensor& tensor) {
  Json json = {{"name", tensor.info.name},   {"shape", tensor.info.shape},  {"storage", tensor.info.storage},
               {"bytes", tensor.info.bytes}, {"zeros", tensor.zeros.zeros}, {"zero_share", tensor.zeros.sparsity()}};
  if (!tensor.is_block_linear) return json;
  json["pattern"] = tensor.zeros.sparsest().name();
  for (const int m : {2, 4, 8, 16}) {
    const auto n = tightest(tensor.zeros, m);
    json["tightest"][fmt::format("{}", m)] = n.value_or(m);
  }
  return json;
}

Json to_json(const InspectionTotals& totals) {
  return {{"tensors", totals.tensors},
          {"weights", totals.weights},
          {"bytes", totals.bytes},
          {"zeros", totals.zeros},
          {"zero_share", totals.zero_share()}};
}

Json to_json(const Result<Vocabulary>& vocabulary) {
  if (!vocabulary) return {{"missing", vocabulary.error().line()}};
  const bool bytes = vocabulary->kind == Vocabulary::Kind::kByteLevelBpe;
  return {{"kind", bytes ? "byte-level BPE" : "BPE by scores"},
          {"tokens", vocabulary->tokens.size()},
          {"without_row", vocabulary->n_without_row}};
}

/// Matrices by their sparsest pattern.
Json patterns_json(const std::vector<InspectedTensor>& tensors) {
  std::map<std::string, std::int64_t> matrices;
  for (const InspectedTensor& tensor : tensors)
    if (tensor.is_block_linear) ++matrices[tensor.zeros.sparsest().name()];
  return matrices;
}

Json storage_json(const std::vector<InspectedTensor>& tensors) {
  std::map<std::string, std::uint64_t> bytes;
  for (const InspectedTensor& tensor : tensors) bytes[tensor.info.storage] += tensor.info.bytes;
  return bytes;
}

Result<void> write_json(const Inspection& inspection, const InspectRequest& request) {
  SC_TRY_ASSIGN(Json record, provenance("inspect", {{"model", request.model}}, inspection.files));
  const InspectionTotals all = totals_of(inspection.tensors, false);
  Json json = {{"model", inspection.model},
               {"architecture", inspection.config.architecture},
               {"config", to_json(inspection.config)},
               {"vocabulary", to_json(inspection.vocabulary)},
               {"parameters", all.weights},
               {"bytes", all.bytes},
               {"bytes_by_storage", storage_json(inspection.tensors)},
               {"all", to_json(all)},
               {"block_linears", to_json(totals_of(inspection.tensors, true))},
               {"matrices_by_pattern", patterns_json(inspection.tensors)},
               {"tensors", Json::array()}};
  for (const InspectedTensor& tensor : inspection.tensors) json["tensors"].push_back(to_json(tensor));
  json["provenance"] = std::move(record);
  return write_json_file(request.json, json);
}

Result<void> run_inspect(const InspectRequest& request) {
  if (!request.json.empty()) SC_TRY(OutputFile::create(request.json));  // whether it can be written, before the work
  SC_TRY_ASSIGN(const auto checkpoint, open_checkpoint(request.model));
  Inspection inspection{request.model, checkpoint->config(), checkpoint->files(), checkpoint->vocabulary(), {}};
  SC_TRY_ASSIGN(inspection.tensors, inspect_tensors(*checkpoint));
  fmt::print("{}", inspection_text(inspection, request.all_tensors));
  if (!request.json.empty()) SC_TRY(write_json(inspection, request));
  return {};
}

}  // namespace

void add_inspect(CLI::App& app, const CommonOptions&, VerbAction& run) {
  auto request = std::make_shared<InspectRequest>();
  CLI::App* verb =
      app.add_subcommand("inspect", "What a checkpoint is made of: sizes, tensors, zeros and N:M patterns");
  add_model(*verb, request->model);
  verb->add_flag("--tensors", request->all_tensors,
                 "a line for every tensor, with the smallest N of 4, 8 and 16 that all its groups hold");
  verb->add_option("--json", request->json, "write all of it, for every tensor, to this file");
  verb->footer(
      "Examples:\n  sparsecim inspect smollm2-135m\n  sparsecim inspect pruned/ --tensors\n"
      "  sparsecim inspect pruned/ --json inspect.json");
  verb->callback([request, &run] { run = [request] { return run_inspect(*request); }; });
}

}  // namespace sparsecim
