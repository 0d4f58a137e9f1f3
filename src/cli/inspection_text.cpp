#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <system_error>

#include "base/progress.hpp"
#include "cli/inspection.hpp"
#include "report/table.hpp"

namespace sparsecim {
namespace {

/// "Q4_K", "Q4_K+Q6_K", "2:4+4:8+...": the different ones among `values`, the most frequent first.
std::string distinct(const std::vector<std::string>& values) {
  constexpr std::size_t kShown = 3;
  std::map<std::string, int> counts;
  for (const std::string& value : values) ++counts[value];
  std::vector<std::pair<int, std::string>> sorted;
  for (const auto& [value, count] : counts) sorted.emplace_back(-count, value);
  std::ranges::sort(sorted);
  std::string text;
  for (std::size_t i = 0; i < std::min(sorted.size(), kShown); ++i)
    text += fmt::format("{}{}", i ? "+" : "", sorted[i].second);
  return sorted.size() > kShown ? text + "+..." : text;
}

/// 134515008 as "134.5 M".
std::string short_count(std::int64_t count) {
  if (count < 10'000) return fmt::format("{}", count);
  double value = static_cast<double>(count) / 1e3;
  const char* unit = "k";
  for (const char* larger : {"M", "G", "T"})
    if (value >= 999.95) value /= 1e3, unit = larger;
  return fmt::format("{:.1f} {}", value, unit);
}

/// Exact where it matters: no zeros at all, or so few that a tenth of a per cent would hide them.
std::string short_share(const InspectionTotals& totals) {
  const double percent = 100 * totals.zero_share();
  if (totals.zeros == 0) return "0";
  return percent < 0.01 ? "<0.01 %" : fmt::format("{:.{}f} %", percent, percent < 10 ? 2 : 1);
}

std::string shape_of(const TensorInfo& info) { return fmt::format("{}", fmt::join(info.shape, "x")); }

/// "q_proj" of "self_attn.q_proj.weight": the module's name is clear without it.
std::string short_name(std::string name) {
  for (const std::string_view prefix : {"model.", "self_attn.", "mlp."})
    if (name.starts_with(prefix)) name.erase(0, prefix.size());
  if (name.ends_with(".weight")) name.resize(name.size() - 7);
  return name;
}

/// Tensors of the same name in every block, or one alone.
using Group = std::vector<const InspectedTensor*>;

/// The tensors in front of the blocks, those of the blocks by name, and those behind.
struct Groups {
  std::vector<Group> before, blocks, after;
};

Groups grouped(const std::vector<InspectedTensor>& tensors) {
  Groups groups;
  std::map<std::string, std::size_t> index;
  for (const InspectedTensor& tensor : tensors) {
    const std::string within = name_within_block(tensor.info.name);
    if (within.empty()) {
      (groups.blocks.empty() ? groups.before : groups.after).push_back({&tensor});
      continue;
    }
    const auto [at, is_new] = index.emplace(within, groups.blocks.size());
    if (is_new) groups.blocks.emplace_back();
    groups.blocks[at->second].push_back(&tensor);
  }
  return groups;
}

InspectionTotals totals_of(const Group& group) {
  InspectionTotals totals;
  for (const InspectedTensor* tensor : group) totals.add(*tensor);
  return totals;
}

/// Name, shape, type, weights, size, zeros, pattern.
std::vector<std::string> row_of(const std::string& name, const Group& group) {
  std::vector<std::string> storages, patterns;
  for (const InspectedTensor* tensor : group) {
    storages.push_back(tensor->info.storage);
    if (tensor->is_block_linear) patterns.push_back(tensor->zeros.sparsest().name());
    if (tensor->is_factor) patterns.emplace_back("factor");
  }
  const InspectionTotals totals = totals_of(group);
  return {name,
          shape_of(group.front()->info),
          distinct(storages),
          short_count(totals.weights),
          format_bytes(totals.bytes),
          short_share(totals),
          distinct(patterns)};
}

std::vector<std::string> total_row(const std::string& name, const InspectionTotals& totals) {
  return {name, "", "", short_count(totals.weights), format_bytes(totals.bytes), short_share(totals), ""};
}

std::string summary_table(const Inspection& inspection) {
  Table table({"tensor", "shape", "type", "weights", "size", "zeros", "pattern"});
  const Groups groups = grouped(inspection.tensors);
  for (const Group& group : groups.before) table.row(row_of(short_name(group.front()->info.name), group));
  table.row({fmt::format("blocks 0-{}, together", inspection.config.n_layers - 1), "", "", "", "", "", ""});
  for (const Group& group : groups.blocks)
    table.row(row_of("  " + short_name(name_within_block(group.front()->info.name)), group));
  for (const Group& group : groups.after) table.row(row_of(short_name(group.front()->info.name), group));
  table.rule();
  table.row(total_row("blocks' matrices", totals_of(inspection.tensors, true)));
  table.row(total_row("all", totals_of(inspection.tensors, false)));
  return table.text();
}

/// "2/3/5", "-/7/14": the tightest N of 4, 8 and 16.
std::string tightest_cell(const ZeroStatistics& zeros) {
  if (zeros.satisfied.empty()) return "";
  std::vector<std::string> kept;
  for (const int m : {4, 8, 16}) {
    const auto n = tightest(zeros, m);
    kept.push_back(n ? fmt::format("{}", *n) : "-");
  }
  return fmt::format("{}", fmt::join(kept, "/"));
}

std::string full_table(const Inspection& inspection) {
  Table table({"tensor", "shape", "type", "size", "zeros", "pattern", "N of 4/8/16"});
  for (const InspectedTensor& tensor : inspection.tensors) {
    const std::string within = name_within_block(tensor.info.name);
    const std::string block = within.empty() ? "" : tensor.info.name.substr(13, tensor.info.name.find('.', 13) - 12);
    std::vector<std::string> row = row_of(block + short_name(within.empty() ? tensor.info.name : within), {&tensor});
    row.erase(row.begin() + 3);  // the number of weights, which the shape gives
    row.push_back(tightest_cell(tensor.zeros));
    table.row(std::move(row));
  }
  return table.text();
}

/// How many matrices have which pattern.
std::string pattern_table(const std::vector<InspectedTensor>& tensors) {
  std::map<Pattern, InspectionTotals> by_pattern;
  for (const InspectedTensor& tensor : tensors)
    if (tensor.is_block_linear) by_pattern[tensor.zeros.sparsest()].add(tensor);
  std::vector<std::pair<Pattern, InspectionTotals>> sorted(by_pattern.begin(), by_pattern.end());
  std::ranges::stable_sort(sorted, std::greater<>(), [](const auto& entry) { return entry.first.density(); });
  if (sorted.empty()) return "";
  if (sorted.size() == 1 && sorted.front().first.dense())
    return "No pattern N:M of M = 2, 4, 8 or 16 holds in all groups of any matrix.\n";
  Table table({"pattern", "matrices", "weights", "zeros"});
  for (const auto& [pattern, totals] : sorted)
    table.row({pattern.name(), format_count(totals.tensors), format_count(totals.weights), short_share(totals)});
  return "The sparsest pattern that all groups of a matrix hold:\n" + table.text();
}

/// The matrices that are stored as factors, those of one name and structure in one line; empty where there are none.
std::string monarch_table(const ModelConfig& config) {
  std::map<std::pair<std::string, std::string>, std::vector<MonarchShape>> groups;
  for (const auto& [name, shape] : config.monarch)
    groups[{short_name(name_within_block(name)), to_json(shape).dump()}].push_back(shape);
  Table table({"matrix", "shape", "number", "blocks", "of right", "of left", "inputs", "weights"});
  for (const auto& [name, shapes] : groups) {
    const MonarchShape& shape = shapes.front();
    const auto dense = static_cast<double>(shape.n_out * shape.n_in);
    table.row({name.first, fmt::format("{}x{}", shape.n_out, shape.n_in), fmt::format("{}", shapes.size()),
               fmt::format("{}", shape.blocks), fmt::format("{}x{}", shape.middle, shape.inputs),
               fmt::format("{}x{}", shape.outputs, shape.middle), shape.strided_inputs ? "strided" : "in a row",
               fmt::format("{:.1f} %", 100 * static_cast<double>(shape.parameters()) / dense)});
  }
  return groups.empty() ? "" : "Stored as Monarch factors (weights: of the dense matrix):\n" + table.text();
}

std::string rope_text(const ModelConfig& config) {
  const RopeScaling& scaling = config.rope_scaling;
  const std::string base = fmt::format("RoPE base {}", config.rope_theta);
  if (scaling.kind == RopeScaling::Kind::kNone) return base;
  if (scaling.kind == RopeScaling::Kind::kLinear) return fmt::format("{}, scaled linearly by {}", base, scaling.factor);
  return fmt::format("{}, scaled by {} as LLaMA 3 (from {})", base, scaling.factor,
                     format_count(scaling.original_max_positions));
}

std::string window_text(const ModelConfig& config) {
  if (!config.sliding_window) return "none: a token sees all before it";
  const std::string window = fmt::format("{} tokens", format_count(*config.sliding_window));
  return config.sliding_from_block == 0 ? window
                                        : fmt::format("{}, from block {} on", window, config.sliding_from_block);
}

std::string bias_text(const ModelConfig& config) {
  std::vector<std::string> names;
  for (const LinearShape& linear : block_linears(config))
    if (linear.bias) names.push_back(short_name(linear.name));
  return names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "));
}

std::string_view kind_name(Vocabulary::Kind kind) {
  return kind == Vocabulary::Kind::kByteLevelBpe ? "byte-level BPE" : "BPE by scores";
}

std::string vocabulary_text(const Result<Vocabulary>& vocabulary) {
  if (!vocabulary) return "none: " + vocabulary.error().line();
  const std::int64_t dropped = vocabulary->n_without_row;
  return fmt::format("{} tokens, {}{}", format_count(static_cast<std::int64_t>(vocabulary->tokens.size())),
                     kind_name(vocabulary->kind),
                     dropped == 0 ? "" : fmt::format("; {} added without a row", format_count(dropped)));
}

std::string storage_text(const Inspection& inspection) {
  std::map<std::string, std::uint64_t> bytes;
  for (const InspectedTensor& tensor : inspection.tensors) bytes[tensor.info.storage] += tensor.info.bytes;
  std::vector<std::string> parts;
  for (const auto& [storage, size] : bytes) parts.push_back(fmt::format("{} {}", storage, format_bytes(size)));
  const InspectionTotals all = totals_of(inspection.tensors, false);
  return fmt::format("{}; {:.2f} bits per weight", fmt::join(parts, ", "),
                     8 * static_cast<double>(all.bytes) / static_cast<double>(all.weights));
}

std::string files_text(const std::vector<std::filesystem::path>& files) {
  std::uint64_t bytes = 0;
  for (const auto& file : files) {
    std::error_code error;
    const auto size = std::filesystem::file_size(file, error);
    if (!error) bytes += size;
  }
  return fmt::format("{} ({})", files.size(), format_bytes(bytes));
}

std::string head_text(const Inspection& inspection) {
  const ModelConfig& config = inspection.config;
  std::string text;
  const auto line = [&](std::string_view label, const std::string& value) {
    text += fmt::format("  {:<12}  {}\n", label, value);
  };
  line("architecture", fmt::format("{}: {} blocks, hidden {}, intermediate {}", config.architecture, config.n_layers,
                                   config.hidden_size, config.intermediate_size));
  line("attention",
       fmt::format("{} heads of {}, {} key/value heads", config.n_heads, config.head_dim, config.n_kv_heads));
  line("window", window_text(config));
  line("positions", fmt::format("{}; {}", format_count(config.max_positions), rope_text(config)));
  line("biases", bias_text(config));
  line("embedding", fmt::format("{} rows, {}", format_count(config.vocab_size),
                                config.tied_embeddings ? "also the head" : "a head of its own"));
  line("vocabulary", vocabulary_text(inspection.vocabulary));
  line("parameters", format_count(totals_of(inspection.tensors, false).weights));
  line("stored as", storage_text(inspection));
  line("files", files_text(inspection.files));
  return text;
}

}  // namespace

std::string inspection_text(const Inspection& inspection, bool all_tensors) {
  return fmt::format("{}\n{}\n{}\n{}{}", inspection.model, head_text(inspection),
                     all_tensors ? full_table(inspection) : summary_table(inspection), monarch_table(inspection.config),
                     pattern_table(inspection.tensors));
}

}  // namespace sparsecim
