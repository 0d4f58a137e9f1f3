#include "cli/tensor/common.hpp"

#include <ATen/Parallel.h>

#include <algorithm>

#include "base/cache.hpp"
#include "base/threads.hpp"

namespace sparsecim {
namespace fs = std::filesystem;
namespace {

constexpr double kMostSamples = 1 << 20;

Result<void> at_least_one(const char* option, std::int64_t value) {
  if (value >= 1 && static_cast<double>(value) <= kMostSamples) return {};
  return fail(Remedy{"give a value from 1 to 1048576"}, "{} {} is out of range", option, value);
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
  return within(text.path.string(),
                make_calibration(*model.tokenizer, model.checkpoint->config(), text.corpus, options));
}

Result<SelectionRequest> selection_of(const SelectionOptions& options) {
  if (options.method != "uniform" && options.method != "flow")
    return fail(Remedy{"use uniform or flow"}, "unknown method '{}'", options.method);
  if (!(options.sparsity >= 0 && options.sparsity < 1))
    return fail(Remedy{"give a share from 0 to below 1, for instance 0.5"}, "--sparsity {} is out of range",
                options.sparsity);
  if (!(options.tau > 0 && options.tau < 1e6))
    return fail(Remedy{"3 and 5 are usual"}, "--tau {} is out of range", options.tau);
  SelectionRequest request{.sparsity = options.sparsity};
  if (!options.options.empty()) {
    SC_TRY_ASSIGN(request.options, parse_patterns(options.options));
  }
  SC_TRY_ASSIGN(request.granularity, parse_granularity(options.granularity));
  if (options.nd != "minmax" && options.nd != "chance")
    return fail(Remedy{"use minmax or chance"}, "unknown --nd '{}'", options.nd);
  request.distribution = options.nd == "chance" ? Distribution::kChance : Distribution::kMinMax;
  return request;
}

std::int64_t default_context(const ModelConfig& config) { return std::min<std::int64_t>(2048, config.max_positions); }

Json options_of(const TensorRequest& request) {
  return {{"model", request.model}, {"device", request.device}, {"dtype", request.dtype}, {"threads", thread_count()}};
}

Json options_of(const CalibrationRequest& request, const fs::path& text) {
  Json json = {
      {"text", text.string()}, {"samples", request.samples}, {"length", request.length}, {"seed", request.seed}};
  if (request.split) json["split"] = *request.split;
  return json;
}

Json options_of(const SelectionOptions& options) {
  return {{"method", options.method}, {"sparsity", options.sparsity},       {"options", options.options},
          {"tau", options.tau},       {"granularity", options.granularity}, {"nd", options.nd}};
}

}  // namespace sparsecim
