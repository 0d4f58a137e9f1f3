#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/json.hpp"
#include "base/result.hpp"
#include "cli/requests.hpp"
#include "model/open.hpp"
#include "prune/calibration.hpp"
#include "sparsity/select.hpp"

namespace sparsecim {

/// Sets LibTorch's threads and chooses what to compute with.
Result<Compute> prepare_compute(const TensorRequest& request);

/// A request's model, its blocks read when they are asked for.
Result<OpenModel> open_requested(const TensorRequest& request);

/// The same with all blocks in memory.
Result<OpenModel> load_requested(const TensorRequest& request);

/// A corpus and the file that it came from.
struct NamedCorpus {
  std::filesystem::path path;
  Corpus corpus;
};

/// The text that was asked for, or, where none was, the English that tools/fetch-text keeps in the cache under `name`.
/// Errors: neither is there; the text's.
Result<NamedCorpus> open_corpus(const TextRequest& request, const std::string& name);
inline constexpr const char* kEnglishCalibration = "english-calibration.txt";
inline constexpr const char* kEnglishEvaluation = "english-evaluation.txt";

/// Samples of `text`; that it has fewer than were asked for is said on stderr. Errors: sizes out of range; a text that
/// is too short.
Result<Calibration> calibrate(const CalibrationRequest& request, const NamedCorpus& text, const OpenModel& model);

/// What the options of a selection say. Errors: unknown names, values out of range.
Result<SelectionRequest> selection_of(const SelectionOptions& options);

/// Ceilings that need the model's shapes and a machine, added to `request`; `context`: tokens before the one that is
/// decoded (none: 512, or what the model allows). Errors: the machine's.
Result<void> add_decode_ceilings(const SelectionOptions& options, const ModelConfig& config,
                                 std::optional<std::int64_t> context, SelectionRequest& request);
/// The plan that `select` makes of `request`, to which add_decode_ceilings was applied: as a whole it keeps them
/// (select_within). Errors: select's; none that does.
Result<Plan> select_within_decode(const SelectionOptions& options, const ModelConfig& config,
                                  std::optional<std::int64_t> context, const SelectionRequest& request,
                                  const std::function<Result<Plan>(const SelectionRequest&)>& select);

/// Tokens per evaluation window unless told otherwise: 2048, what SparseGPT, Wanda and OWL evaluate with, or the
/// model's most.
std::int64_t default_context(const ModelConfig& config);

/// That the model has positions for the `tokens` of `option`, beside which it needs room for `more`.
Result<void> check_positions(const char* option, std::int64_t tokens, const ModelConfig& config, std::int64_t more = 0);

/// For provenance: the request's options as they were resolved.
Json options_of(const TensorRequest& request);
/// With how many samples the text had, where it is another number.
Json options_of(const CalibrationRequest& request, const std::filesystem::path& text, const Calibration& used);
Json options_of(const SelectionOptions& request);

/// The verbs, each in its own file.
Result<void> run_eval(const EvalRequest& request);
Result<void> run_generate(const GenerateRequest& request);
Result<void> run_select(const SelectRequest& request);
Result<void> run_prune(const PruneRequest& request);
Result<void> run_monarch(const MonarchRequest& request);
Result<void> run_codesign(const CodesignRequest& request);

}  // namespace sparsecim
