#include "cli/tensor/common.hpp"

#include <ATen/Parallel.h>

#include <fmt/ranges.h>

#include <algorithm>
#include <initializer_list>

#include "base/cache.hpp"
#include "base/progress.hpp"
#include "base/threads.hpp"
#include "workload/decode_ceilings.hpp"

namespace sparsecim {
namespace fs = std::filesystem;
namespace {

constexpr double kMostSamples = 1 << 20;

Result<void> at_least_one(const char* option, std::int64_t value) {
  if (value >= 1 && static_cast<double>(value) <= kMostSamples) return {};
  return fail(Remedy{"give a value from 1 to 1048576"}, "{} {} is out of range", option, value);
}

/// The value of a word. Errors: a word that is none of `words`.
template <class Value>
Result<Value> one_of(const char* option, const std::string& word,
                     std::initializer_list<std::pair<std::string_view, Value>> words) {
  std::vector<std::string_view> names;
  for (const auto& [name, value] : words) {
    if (name == word) return value;
    names.push_back(name);
  }
  return fail(Remedy{fmt::format("use {}", fmt::join(names, " or "))}, "unknown {} '{}'", option, word);
}

DecodeBudget decode_budget(const SelectionOptions& options, std::optional<std::int64_t> context) {
  return {.most_ns = options.max_decode_ns, .most_nj = options.max_decode_nj, .context = context};
}

Result<void> check_ceilings_of(const SelectionOptions& options) {
  for (const auto& [option, most] :
       {std::pair("--max-bytes", options.max_bytes), std::pair("--max-decode-ns", options.max_decode_ns),
        std::pair("--max-decode-nj", options.max_decode_nj)})
    if (most && *most < 1) return fail(Remedy{"give a number of 1 or more"}, "{} {} is out of range", option, *most);
  return {};
}

Result<void> check_selection(const SelectionOptions& options, Method method) {
  if (options.sparsity && !(*options.sparsity >= 0 && *options.sparsity < 1))
    return fail(Remedy{"give a share from 0 to below 1, for instance 0.5"}, "--sparsity {} is out of range",
                *options.sparsity);
  if (options.tau && !(*options.tau > 1e-6 && *options.tau < 1e6))
    return fail(Remedy{"3 and 5 are usual"}, "--tau {} is out of range", *options.tau);
  SC_TRY(check_ceilings_of(options));
  if (!(options.time_limit_s > 0 && options.time_limit_s <= 1e6))
    return fail(Remedy{"give seconds"}, "--time-limit {} is out of range", options.time_limit_s);
  if (options.loss_tokens && !(*options.loss_tokens >= 1 && static_cast<double>(*options.loss_tokens) <= kMostSamples))
    return fail(Remedy{fmt::format("give a number from 1 to {:g}", kMostSamples)}, "--loss-tokens {} is out of range",
                *options.loss_tokens);
  if (options.caution && !(*options.caution >= 1 && *options.caution <= 1000))
    return fail(Remedy{"give a factor from 1 to 1000"}, "--caution {} is out of range", *options.caution);
  if (method == Method::kShuffled && (options.sparsity || options.has_ceiling() || !options.keep.empty()))
    return fail(Remedy{"leave --sparsity, --keep and other bounds out"}, "a shuffled plan keeps what its --plan has");
  if (method != Method::kShuffled && !options.plan.empty())
    return fail(Remedy{"use --method shuffled"}, "--plan names patterns to shuffle");
  return {};
}

}  // namespace

Result<Compute> prepare_compute(const TensorRequest& request) {
  at::set_num_threads(thread_count());
  return choose_compute(request.device, request.dtype);
}

Result<OpenModel> open_requested(const TensorRequest& request) {
  SC_TRY_ASSIGN(const Compute compute, prepare_compute(request));
  return open_model(request.model, compute);
}

Result<OpenModel> load_requested(const TensorRequest& request) {
  SC_TRY_ASSIGN(const Compute compute, prepare_compute(request));
  return load_model(request.model, compute);
}

Result<NamedCorpus> open_corpus(const TextRequest& request, const std::string& name) {
  const fs::path path = request.text.empty() ? cache_directory() / "text" / name : request.text;
  if (request.text.empty() && !fs::exists(path))
    return fail(Remedy{"give one by --text, or get English by tools/fetch-text english"}, "no text was given");
  SC_TRY_ASSIGN(Corpus corpus, read_corpus(path, request.split));
  return NamedCorpus{path, std::move(corpus)};
}

Result<Calibration> calibrate(const CalibrationRequest& request, const NamedCorpus& text, const OpenModel& model) {
  SC_TRY(at_least_one("--samples", request.samples));
  SC_TRY(at_least_one("--length", request.length));
  const CalibrationOptions options{.samples = request.samples, .length = request.length, .seed = request.seed};
  SC_TRY_ASSIGN(
      Calibration calibration,
      within(text.path.string(), make_calibration(*model.tokenizer, model.checkpoint->config(), text.corpus, options)));
  if (calibration.samples < request.samples && !progress_is_silent())
    fmt::print(stderr, "note: {}: calibrated on {} samples of the {} asked for: it has {} documents\n",
               text.path.string(), format_count(calibration.samples), format_count(request.samples),
               format_count(std::ssize(text.corpus.documents)));
  return calibration;
}

Result<SelectionRequest> selection_of(const SelectionOptions& options) {
  SelectionRequest request;
  SC_TRY_ASSIGN(request.method, parse_method(options.method));
  SC_TRY(check_selection(options, request.method));
  request.sparsity = options.sparsity.value_or(0);
  request.options = default_options(request.method);
  if (!options.options.empty()) {
    SC_TRY_ASSIGN(request.options, parse_patterns(options.options));
  }
  request.granularity = default_granularity(request.method);
  if (!options.granularity.empty()) {
    SC_TRY_ASSIGN(request.granularity, within("--granularity", parse_granularity(options.granularity)));
  }
  request.tau = options.tau.value_or(default_tau(request.method));
  SC_TRY_ASSIGN(
      request.distribution,
      one_of<Distribution>("--nd", options.nd, {{"minmax", Distribution::kMinMax}, {"chance", Distribution::kChance}}));
  SC_TRY_ASSIGN(request.m_rule, one_of<MRule>("--m-rule", options.m_rule,
                                              {{"clustered", MRule::kClustered}, {"inverse", MRule::kInverse}}));
  SC_TRY_ASSIGN(request.budget, one_of<Budget>("--budget", options.budget,
                                               {{"weights", Budget::kWeights}, {"layers", Budget::kLayers}}));
  for (const std::string& keep : options.keep) {
    SC_TRY_ASSIGN(request.keep.emplace_back(), within("--keep", parse_fixed_choice(keep)));
  }
  if (options.max_bytes) request.ceilings.push_back(stored_bytes_ceiling(*options.max_bytes));
  request.time_limit_s = options.time_limit_s;
  if (options.loss_reference) {
    SC_TRY_ASSIGN(request.losses.reference, within("--loss-reference", parse_pattern(*options.loss_reference)));
  }
  request.losses.tokens = options.loss_tokens.value_or(request.losses.tokens);
  request.caution = options.caution;
  return request;
}

Result<void> add_decode_ceilings(const SelectionOptions& options, const ModelConfig& config,
                                 std::optional<std::int64_t> context, SelectionRequest& request) {
  if (!options.max_decode_ns && !options.max_decode_nj) return {};
  SC_TRY_ASSIGN(const MachineDescription machine, open_machine(options.arch));
  std::vector<Pattern> patterns = request.options;
  for (const FixedChoice& keep : request.keep) patterns.push_back(keep.pattern);
  SC_TRY_ASSIGN(auto ceilings,
                decode_ceilings(shapes_of(config, "model"), patterns, machine, decode_budget(options, context)));
  for (Ceiling& ceiling : ceilings) request.ceilings.push_back(std::move(ceiling));
  return {};
}

Result<Plan> select_within_decode(const SelectionOptions& options, const ModelConfig& config,
                                  std::optional<std::int64_t> context, const SelectionRequest& request,
                                  const std::function<Result<Plan>(const SelectionRequest&)>& select) {
  if (!options.max_decode_ns && !options.max_decode_nj) return select(request);
  SC_TRY_ASSIGN(const MachineDescription machine, open_machine(options.arch));
  return select_within(shapes_of(config, "model"), machine, decode_budget(options, context), request, select);
}

std::int64_t default_context(const ModelConfig& config) { return std::min<std::int64_t>(2048, config.max_positions); }

Result<void> check_positions(const char* option, std::int64_t tokens, const ModelConfig& config, std::int64_t more) {
  const std::int64_t most = config.max_positions - more;
  if (tokens <= most) return {};
  return fail(Remedy{fmt::format("use {} {} or less", option, most)}, "{} {} is too long for the model's {} positions",
              option, tokens, config.max_positions);
}

Json options_of(const TensorRequest& request) {
  return {{"model", request.model}, {"device", request.device}, {"dtype", request.dtype}, {"threads", thread_count()}};
}

Json options_of(const CalibrationRequest& request, const fs::path& text, const Calibration& used) {
  Json json = {
      {"text", text.string()}, {"samples", request.samples}, {"length", request.length}, {"seed", request.seed}};
  if (request.split) json["split"] = *request.split;
  if (used.samples != request.samples) json["samples_used"] = used.samples;
  return json;
}

Json options_of(const SelectionOptions& options) {
  Json json = {{"method", options.method}};
  if (options.sparsity) json["sparsity"] = *options.sparsity;
  if (options.max_bytes) json["max_bytes"] = *options.max_bytes;
  if (options.max_decode_ns) json["max_decode_ns"] = *options.max_decode_ns;
  if (options.max_decode_nj) json["max_decode_nj"] = *options.max_decode_nj;
  if (options.max_decode_ns || options.max_decode_nj) json["decode_arch"] = options.arch;
  if (!options.plan.empty()) json["plan"] = options.plan.string();
  if (const auto request = selection_of(options)) {
    json["options"] = Json::array();
    for (const Pattern& option : request->options) json["options"].push_back(option.name());
    json["granularity"] = name(request->granularity);
    json["tau"] = request->tau;
    if (request->method == Method::kLoss)
      json.update({{"loss_reference", request->losses.reference.name()}, {"loss_tokens", request->losses.tokens}});
    if (options.caution) json["caution"] = *options.caution;
  }
  json.update({{"nd", options.nd}, {"m_rule", options.m_rule}, {"budget", options.budget}});
  if (!options.keep.empty()) json["keep"] = options.keep;
  return json;
}

}  // namespace sparsecim
