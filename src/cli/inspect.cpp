#include <algorithm>
#include <map>
#include <memory>

#include "base/interrupt.hpp"
#include "base/progress.hpp"
#include "base/provenance.hpp"
#include "checkpoint/checkpoint.hpp"
#include "cli/verb.hpp"
#include "report/table.hpp"
#include "sparsity/mask.hpp"

namespace sparsecim {
namespace {

struct InspectRequest {
  std::string model, json;
};

/// A tensor with what its values were found to be.
struct Inspected {
  const TensorInfo* info;
  bool is_block_linear;  // what N:M patterns apply to
  ZeroStatistics zeros;  // patterns only of such
};

/// The patterns that are looked for: those that the hardware runs.
std::vector<Pattern> sparse_patterns() {
  std::vector<Pattern> patterns;
  for (const Pattern pattern : hardware_patterns())
    if (!pattern.dense()) patterns.push_back(pattern);
  return patterns;
}

/// A tensor's name inside its decoder block, "mlp.up_proj.weight"; empty for one outside the blocks.
std::string within_block(const std::string& name) {
  constexpr std::string_view kPrefix = "model.layers.";
  if (!name.starts_with(kPrefix)) return {};
  const auto dot = name.find('.', kPrefix.size());
  return dot == std::string::npos ? std::string() : name.substr(dot + 1);
}

bool is_block_linear(const TensorInfo& info, const ModelConfig& config) {
  const std::string name = within_block(info.name);
  return std::ranges::any_of(block_linears(config),
                             [&](const auto& linear) { return name == linear.name + ".weight"; });
}

Result<std::vector<Inspected>> inspect_tensors(const Checkpoint& checkpoint) {
  std::int64_t total = 0;
  for (const TensorInfo& info : checkpoint.tensors()) total += info.elements();
  Progress progress("reading", total, "weights");
  const std::vector<Pattern> patterns = sparse_patterns();
  std::vector<Inspected> inspected;
  std::vector<float> values;
  for (const RequiredTensor& required : required_tensors(checkpoint.config())) {
    SC_TRY(check_interrupt());
    const TensorInfo& info = *checkpoint.find(required.name);
    values.resize(static_cast<std::size_t>(info.elements()));
    SC_TRY(checkpoint.read(info, values));
    const bool linear = is_block_linear(info, checkpoint.config());
    const auto asked = linear ? std::span<const Pattern>(patterns) : std::span<const Pattern>();
    inspected.push_back({&info, linear, zero_statistics(values, info.shape.back(), asked)});
    progress.advance(info.elements());
  }
  return inspected;
}

/// Tensors of the same name in every block, or one alone.
using Group = std::vector<const Inspected*>;

std::vector<Group> group_by_block(std::span<const Inspected> inspected) {
  std::vector<Group> groups;
  std::map<std::string, std::size_t> index;
  for (const Inspected& tensor : inspected) {
    const std::string within = within_block(tensor.info->name);
    const auto [at, is_new] = index.emplace(within.empty() ? tensor.info->name : "." + within, groups.size());
    if (is_new) groups.emplace_back();
    groups[at->second].push_back(&tensor);
  }
  return groups;
}

/// "layers.0-29.mlp.up_proj", to fit: the prefix and suffix that all share are left out.
std::string name_of(const Group& group) {
  const std::string& name = group.front()->info->name;
  const std::string within = within_block(name);
  std::string label = within.empty() ? name : fmt::format("layers.0-{}.{}", group.size() - 1, within);
  if (label.starts_with("model.")) label.erase(0, 6);
  if (label.ends_with(".weight")) label.resize(label.size() - 7);
  return label;
}

/// "Q4_1", "2:4", or "2:4 x18, dense x12" where they differ.
std::string counted(const std::vector<std::string>& values) {
  std::map<std::string, int> counts;
  for (const std::string& value : values) ++counts[value];
  if (counts.size() <= 1) return values.empty() ? "" : values.front();
  std::string text;
  for (const auto& [value, count] : counts) text += fmt::format("{}{} x{}", text.empty() ? "" : ", ", value, count);
  return text;
}

struct Totals {
  std::int64_t weights = 0, zeros = 0;
  std::uint64_t bytes = 0;

  void add(const Inspected& tensor) {
    weights += tensor.zeros.weights;
    zeros += tensor.zeros.zeros;
    bytes += tensor.info->bytes;
  }
  double share() const { return weights == 0 ? 0 : static_cast<double>(zeros) / static_cast<double>(weights); }
};

Totals totals_of(std::span<const Inspected> inspected, bool block_linears_only) {
  Totals totals;
  for (const Inspected& tensor : inspected)
    if (tensor.is_block_linear || !block_linears_only) totals.add(tensor);
  return totals;
}

std::string pattern_of(const Group& group) {
  std::vector<std::string> patterns;
  for (const Inspected* tensor : group)
    if (tensor->is_block_linear) patterns.push_back(tensor->zeros.sparsest().name());
  return counted(patterns);
}

std::vector<std::string> row_of(const std::string& name, const std::string& shape, const Group& group) {
  Totals totals;
  std::vector<std::string> storages;
  for (const Inspected* tensor : group) {
    totals.add(*tensor);
    storages.push_back(tensor->info->storage);
  }
  return {name,
          shape,
          counted(storages),
          format_count(totals.weights),
          format_bytes(totals.bytes),
          fmt::format("{:.2f} %", 100 * totals.share()),
          pattern_of(group)};
}

/// The types of so many tensors would not fit; the summary has them.
std::vector<std::string> total_row(const std::string& name, const Group& group) {
  std::vector<std::string> cells = row_of(name, "", group);
  cells[2].clear();
  return cells;
}

std::string tensor_table(std::span<const Inspected> inspected) {
  Table table({"tensor", "shape", "type", "weights", "size", "zeros", "pattern"});
  for (const Group& group : group_by_block(inspected))
    table.row(row_of(name_of(group), fmt::format("{}", fmt::join(group.front()->info->shape, "x")), group));
  Group all, linears;
  for (const Inspected& tensor : inspected) {
    all.push_back(&tensor);
    if (tensor.is_block_linear) linears.push_back(&tensor);
  }
  table.rule();
  table.row(total_row("linear matrices of the blocks", linears));
  table.row(total_row("all", all));
  return table.text();
}

std::map<std::string, std::uint64_t> bytes_by_storage(const Checkpoint& checkpoint) {
  std::map<std::string, std::uint64_t> bytes;
  for (const TensorInfo& info : checkpoint.tensors()) bytes[info.storage] += info.bytes;
  return bytes;
}

std::string_view kind_name(Vocabulary::Kind kind) {
  return kind == Vocabulary::Kind::kByteLevelBpe ? "byte-level BPE" : "BPE by scores";
}

std::string vocabulary_line(const Result<Vocabulary>& vocabulary) {
  if (!vocabulary) return "none: " + vocabulary.error().line();
  return fmt::format("{} tokens, {}", format_count(static_cast<std::int64_t>(vocabulary->tokens.size())),
                     kind_name(vocabulary->kind));
}

void print_summary(const Checkpoint& checkpoint, const std::string& model, const Result<Vocabulary>& vocabulary) {
  const ModelConfig& config = checkpoint.config();
  std::vector<std::string> stored;
  for (const auto& [storage, bytes] : bytes_by_storage(checkpoint))
    stored.push_back(fmt::format("{} {}", storage, format_bytes(bytes)));
  fmt::print("{}\n", model);
  fmt::print("  architecture  {}: {} blocks, hidden {}, intermediate {}\n", config.architecture, config.n_layers,
             config.hidden_size, config.intermediate_size);
  fmt::print("  attention     {} heads of {}, {} key/value heads, RoPE base {}\n", config.n_heads, config.head_dim,
             config.n_kv_heads, config.rope_theta);
  fmt::print("  positions     {}\n", format_count(config.max_positions));
  fmt::print("  embedding     {} rows, {}\n", format_count(config.vocab_size),
             config.tied_embeddings ? "also the head" : "a head of its own");
  fmt::print("  vocabulary    {}\n", vocabulary_line(vocabulary));
  fmt::print("  stored as     {}\n\n", fmt::join(stored, ", "));
}

Json to_json(const Inspected& tensor) {
  Json json = {{"name", tensor.info->name},   {"shape", tensor.info->shape}, {"storage", tensor.info->storage},
               {"bytes", tensor.info->bytes}, {"zeros", tensor.zeros.zeros}, {"zero_share", tensor.zeros.sparsity()}};
  if (!tensor.is_block_linear) return json;
  json["pattern"] = tensor.zeros.sparsest().name();
  json["satisfied_patterns"] = Json::array();
  for (const Pattern pattern : tensor.zeros.satisfied) json["satisfied_patterns"].push_back(pattern.name());
  return json;
}

Json to_json(const Totals& totals) {
  return {
      {"weights", totals.weights}, {"bytes", totals.bytes}, {"zeros", totals.zeros}, {"zero_share", totals.share()}};
}

Json to_json(const Result<Vocabulary>& vocabulary) {
  if (!vocabulary) return {{"missing", vocabulary.error().line()}};
  return {{"kind", kind_name(vocabulary->kind)}, {"tokens", vocabulary->tokens.size()}};
}

Result<void> write_json(const Checkpoint& checkpoint, std::span<const Inspected> inspected,
                        const Result<Vocabulary>& vocabulary, const InspectRequest& request) {
  SC_TRY_ASSIGN(Json record, provenance("inspect", {{"model", request.model}}, checkpoint.files()));
  const Totals all = totals_of(inspected, false);
  Json json = {{"model", request.model},
               {"architecture", checkpoint.config().architecture},
               {"config", to_json(checkpoint.config())},
               {"vocabulary", to_json(vocabulary)},
               {"parameters", all.weights},
               {"bytes", all.bytes},
               {"bytes_by_storage", bytes_by_storage(checkpoint)},
               {"all", to_json(all)},
               {"block_linears", to_json(totals_of(inspected, true))},
               {"tensors", Json::array()}};
  for (const Inspected& tensor : inspected) json["tensors"].push_back(to_json(tensor));
  json["provenance"] = std::move(record);
  return write_json_file(request.json, json);
}

Result<void> run_inspect(const InspectRequest& request) {
  SC_TRY_ASSIGN(const auto checkpoint, open_checkpoint(request.model));
  const Result<Vocabulary> vocabulary = checkpoint->vocabulary();
  SC_TRY_ASSIGN(const std::vector<Inspected> inspected, inspect_tensors(*checkpoint));
  if (!request.json.empty()) SC_TRY(write_json(*checkpoint, inspected, vocabulary, request));
  print_summary(*checkpoint, request.model, vocabulary);
  fmt::print("{}", tensor_table(inspected));
  return {};
}

}  // namespace

void add_inspect(CLI::App& app, const CommonOptions&, VerbAction& run) {
  auto request = std::make_shared<InspectRequest>();
  CLI::App* verb =
      app.add_subcommand("inspect", "What a checkpoint is made of: sizes, tensors, zeros and N:M patterns");
  add_model(*verb, request->model);
  verb->add_option("--json", request->json, "write the result to this file");
  verb->footer("Examples:\n  sparsecim inspect smollm2-135m\n  sparsecim inspect pruned/ --json inspect.json");
  verb->callback([request, &run] { run = [request] { return run_inspect(*request); }; });
}

}  // namespace sparsecim
