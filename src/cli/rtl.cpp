#include <algorithm>
#include <bit>
#include <filesystem>
#include <memory>
#include <optional>
#include <random>

#include "base/file.hpp"
#include "base/nearest.hpp"
#include "base/provenance.hpp"
#include "checkpoint/checkpoint.hpp"
#include "cli/verb.hpp"
#include "cli/workload_options.hpp"
#include "hardware/comparison.hpp"
#include "hardware/flexcim/rtl_bench.hpp"
#include "hardware/native_pattern.hpp"
#include "hardware/simulate.hpp"
#include "kernels/quantise.hpp"
#include "sparsity/mask.hpp"
#include "sparsity/plan.hpp"

namespace sparsecim {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kMostRows = 4096, kMostTokens = 1 << 16;

struct RtlRequest {
  std::string model, layer, pattern, arch = "flexcim";
  fs::path plan, output;
  std::vector<std::string> set;
  std::optional<std::int64_t> rows;
  std::int64_t strips = 2, tokens = 4;
  std::uint64_t seed = 0;
};

/// A matrix of a decoder block, as the checkpoint has it.
struct Layer {
  std::string name;  // "model.layers.3.mlp.up_proj"
  std::int64_t n_outputs, n_inputs;
  std::vector<float> weights;  // [n_outputs, n_inputs]
};

std::vector<std::string> layer_names(const ModelConfig& config) {
  std::vector<std::string> names;
  for (std::int64_t block = 0; block < config.n_layers; ++block)
    for (const LinearShape& linear : block_linears(config)) names.push_back(matrix_name(block, linear.name));
  return names;
}

Result<Layer> read_layer(const Checkpoint& checkpoint, const std::string& asked) {
  constexpr std::string_view kEnding = ".weight";
  SC_TRY(require_dense(checkpoint.config(), "have no N:M patterns"));
  const std::string name = asked.ends_with(kEnding) ? asked.substr(0, asked.size() - kEnding.size()) : asked;
  const std::vector<std::string> names = layer_names(checkpoint.config());
  if (std::ranges::count(names, name) == 0)
    return fail(Remedy{fmt::format("did you mean '{}'?", nearest(name, names, 1).front())},
                "--layer: no matrix of the blocks is called '{}'", asked);
  const TensorInfo& tensor = *checkpoint.find(name + std::string(kEnding));
  Layer layer{name, tensor.shape[0], tensor.shape[1], std::vector<float>(static_cast<std::size_t>(tensor.elements()))};
  SC_TRY(checkpoint.read(tensor, layer.weights));
  return layer;
}

/// Errors: a plan of another model.
Result<std::optional<Pattern>> requested_pattern(const RtlRequest& request, const Layer& layer) {
  if (!request.pattern.empty()) return parse_pattern(request.pattern);
  if (request.plan.empty()) return std::nullopt;
  SC_TRY_ASSIGN(const Plan plan, read_plan(request.plan));
  const PlannedMatrix* planned = plan.find(layer.name);
  if (planned && planned->n_out == layer.n_outputs && planned->n_in == layer.n_inputs) return planned->pattern;
  return fail(Remedy{"use a plan that was made for this model"}, "{}: it has no '{}' of [{}, {}]",
              request.plan.string(), layer.name, layer.n_outputs, layer.n_inputs);
}

/// The pattern of the layer's zeros: masked by magnitude where they are not those asked for, or what they satisfy.
Result<Pattern> prune_layer(Layer& layer, std::optional<Pattern> requested, const FlexcimParameters& parameters,
                            std::vector<std::string>& notes) {
  if (!requested) {
    const Pattern found = zero_statistics(layer.weights, layer.n_inputs, parameters.patterns).sparsest();
    notes.push_back(fmt::format("the zeros satisfy {}", found.name()));
    return found;
  }
  if (!zero_statistics(layer.weights, layer.n_inputs, {&*requested, 1}).satisfied.empty()) return *requested;
  MaskSharing sharing;
  if (shares_pairs(parameters.pair_select)) sharing = {MaskSharing::Kind::kPairs, parameters.columns_per_group};
  notes.push_back(fmt::format("the weights do not have the zeros of {}: masked by magnitude{}", requested->name(),
                              sharing == MaskSharing{} ? "" : ", " + name(sharing)));
  SC_TRY(within(layer.name, apply_nm(layer.weights, layer.n_inputs, {}, *requested, sharing)));
  return *requested;
}

std::int64_t nearest_power_of_two(std::int64_t value, std::int64_t low, std::int64_t high) {
  const std::int64_t bounded = std::clamp(value, low, high);
  const auto below = static_cast<std::int64_t>(std::bit_floor(static_cast<std::uint64_t>(bounded)));
  return bounded - below < 2 * below - bounded ? below : std::min(2 * below, high);
}

/// The machine's settings with --set and --rows in their place.
Result<FlexcimParameters> read_machine(const RtlRequest& request, std::vector<fs::path>& inputs) {
  SC_TRY_ASSIGN(std::vector<Setting> set, settings_from_texts("--set", request.set));
  if (request.rows) {
    std::erase_if(set, [](const Setting& setting) { return setting.key == "macro.rows"; });
    SC_TRY_ASSIGN(set.emplace_back(), setting_from_text("--rows", fmt::format("macro.rows={}", *request.rows)));
  }
  SC_TRY_ASSIGN(const DescriptionSettings description, read_description(request.arch, set));
  if (fs::exists(request.arch)) inputs.push_back(request.arch);
  return read_flexcim(description.path, description.settings);
}

/// Before anything else is made of it, with the nearest that a macro of P sub-macros can have.
Result<void> check_rows(const RtlRequest& request) {
  if (!request.rows) return {};
  RtlRequest otherwise = request;
  otherwise.rows.reset();
  std::vector<fs::path> inputs;
  SC_TRY_ASSIGN(const FlexcimParameters parameters, read_machine(otherwise, inputs));
  const std::int64_t rows = *request.rows, least = 2 * parameters.array.sub_macros;
  if (rows >= least && rows <= kMostRows && std::has_single_bit(static_cast<std::uint64_t>(rows))) return {};
  return fail(Remedy{fmt::format("choose {}", nearest_power_of_two(rows, least, kMostRows))},
              "--rows {} is no power of two from {} (two rows in each of {} sub-macros) to {}", rows, least,
              parameters.array.sub_macros, kMostRows);
}

/// Two tokens of the extremes, then whole numbers from -128 to 127, all as likely: from the seed on any machine.
std::vector<std::int8_t> activations_of(std::int64_t tokens, std::int64_t n_inputs, std::uint64_t seed) {
  std::vector<std::int8_t> activations(static_cast<std::size_t>(tokens * n_inputs));
  std::mt19937_64 random(seed);
  for (std::size_t i = 0; i < activations.size(); ++i) {
    const auto token = static_cast<std::int64_t>(i) / n_inputs;
    const auto drawn = static_cast<std::int8_t>(random() >> 56);
    activations[i] = token == 0 ? std::int8_t{-128} : token == 1 ? std::int8_t{127} : drawn;
  }
  return activations;
}

Result<RtlBench> bench_of(const RtlRequest& request, const FlexcimParameters& parameters, const Layer& layer,
                          Pattern runs_as) {
  std::vector<std::int8_t> integers(layer.weights.size());
  std::vector<float> scales(static_cast<std::size_t>(layer.n_outputs));
  SC_TRY(within(layer.name, quantise_rows(layer.weights, layer.n_inputs, integers, scales)));
  const std::vector<std::int8_t> activations = activations_of(request.tokens, layer.n_inputs, request.seed);
  return within(layer.name,
                make_rtl_bench(parameters, {runs_as, integers, activations, layer.n_inputs, request.strips}));
}

Json options_json(const RtlRequest& request) {
  Json json = {{"model", request.model},
               {"layer", request.layer},
               {"arch", request.arch},
               {"strips", request.strips},
               {"tokens", request.tokens}};
  if (!request.pattern.empty()) json["pattern"] = request.pattern;
  if (!request.plan.empty()) json["plan"] = request.plan.string();
  if (request.rows) json["rows"] = *request.rows;
  if (!request.set.empty()) json["set"] = request.set;
  return json;
}

Result<void> write_bench(const RtlRequest& request, bool force, const RtlBench& bench, const Json& record) {
  SC_TRY_ASSIGN(OutputDirectory directory, OutputDirectory::create(request.output, force));
  for (const RtlBench::File& file : bench.files) SC_TRY(write_text_file(directory.path() / file.name, file.text));
  for (const RtlBench::File& file : rtl_sources()) SC_TRY(write_text_file(directory.path() / file.name, file.text));
  SC_TRY(write_json_file(directory.path() / "rtl.json", record));
  return directory.commit();
}

Result<void> check_sizes(const RtlRequest& request) {
  SC_TRY(require_range("--strips", static_cast<double>(request.strips), 1, 1e6));
  return require_range("--tokens", static_cast<double>(request.tokens), 1, kMostTokens);
}

Result<void> run_rtl(const RtlRequest& request, bool force) {
  SC_TRY(check_sizes(request));
  SC_TRY(check_rows(request));
  std::vector<fs::path> inputs;
  SC_TRY_ASSIGN(const FlexcimParameters parameters, read_machine(request, inputs));
  SC_TRY_ASSIGN(const auto checkpoint, open_checkpoint(request.model));
  for (const fs::path& file : checkpoint->files()) inputs.push_back(file);
  if (!request.plan.empty()) inputs.push_back(request.plan);
  SC_TRY_ASSIGN(Layer layer, read_layer(*checkpoint, request.layer));
  SC_TRY_ASSIGN(const std::optional<Pattern> requested, requested_pattern(request, layer));
  std::vector<std::string> notes;
  SC_TRY_ASSIGN(const Pattern pattern, prune_layer(layer, requested, parameters, notes));
  const Operation operation{
      .name = layer.name, .n_inputs = layer.n_inputs, .n_outputs = layer.n_outputs, .pattern = pattern};
  SC_TRY_ASSIGN(const Pattern runs_as, within(layer.name, native_pattern(operation, parameters.patterns)));
  SC_TRY_ASSIGN(const RtlBench bench, bench_of(request, parameters, layer, runs_as));
  Json record = {{"layer", layer.name},       {"shape", {layer.n_outputs, layer.n_inputs}},
                 {"pattern", pattern.name()}, {"runs_as", runs_as.name()},
                 {"tiles", bench.tiles},      {"passes", bench.passes},
                 {"sums", bench.sums},        {"notes", notes}};
  SC_TRY_ASSIGN(record["provenance"], provenance("rtl", options_json(request), inputs, request.seed));
  SC_TRY(write_bench(request, force, bench, record));
  fmt::print("{} [{}, {}], {}, runs as {} on {} x {} words in {} sub-macros\n", layer.name, layer.n_outputs,
             layer.n_inputs, pattern.name(), runs_as.name(), parameters.array.rows, parameters.array.columns,
             parameters.array.sub_macros);
  fmt::print("{} tiles, {} passes, {} sums in {}\n", bench.tiles, bench.passes, bench.sums, request.output.string());
  for (const std::string& note : notes) fmt::print("note: {}\n", note);
  return {};
}

std::string rtl_pattern_complaint(const std::string& text) {
  const auto pattern = parse_pattern(text);
  return pattern ? std::string() : pattern.error().line();
}

void add_options(CLI::App& verb, RtlRequest& request) {
  add_model(verb, request.model);
  verb.add_option("--layer", request.layer, "matrix of a block, as model.layers.3.mlp.up_proj")->required();
  CLI::Option* plan = verb.add_option("--plan", request.plan, "patterns by matrix, as `select` writes them");
  verb.add_option("--pattern", request.pattern,
                  "N:M; weights without these zeros are masked by magnitude (default: what the zeros satisfy)")
      ->check(CLI::Validator(rtl_pattern_complaint, "N:M"))
      ->excludes(plan);
  verb.add_option("--rows", request.rows, "rows of the macro, a power of two (default: the machine's)");
  verb.add_option("--arch", request.arch, "flexcim, or the path of a description of that kind")->capture_default_str();
  add_set(verb, request.set);
  verb.add_option("--strips", request.strips,
                  "strips of outputs, a macro's columns wide, evenly spread; each with the tiles of all inputs")
      ->capture_default_str();
  verb.add_option("--tokens", request.tokens, "passes through every tile: all -128, all 127, the others random")
      ->capture_default_str();
  add_seed(verb, "--seed", request.seed, "of the random activations")->capture_default_str();
  verb.add_option("-o,--output", request.output, "directory to write")->required();
}

}  // namespace

void add_rtl(CLI::App& app, const CommonOptions& common, VerbAction& run) {
  auto request = std::make_shared<RtlRequest>();
  CLI::App* verb = app.add_subcommand(
      "rtl", "A layer as a test bench for the macro in SystemVerilog: images, stimulus, expected sums");
  add_options(*verb, *request);
  verb->footer(
      "Examples:\n"
      "  sparsecim rtl smollm2-135m --layer model.layers.0.mlp.up_proj --pattern 4:8 -o bench\n"
      "  sparsecim rtl pruned/ --layer model.layers.3.self_attn.q_proj --plan plan.json --rows 32 -o bench\n"
      "  cd bench && verilator --binary -Wno-fatal --top-module flexcim_tb *_pkg.sv $(ls flexcim*.sv | grep -v _pkg) "
      "&& obj_dir/Vflexcim_tb");
  verb->callback([request, &common, &run] { run = [request, &common] { return run_rtl(*request, common.force); }; });
}

}  // namespace sparsecim
