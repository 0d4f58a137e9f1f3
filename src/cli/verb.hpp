#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "base/result.hpp"
#include "cli/requests.hpp"

namespace sparsecim {

/// What every verb takes.
struct CommonOptions {
  std::optional<int> threads;  // none: the machine's cores
  bool force = false;
};

/// What is to be done once the command line has been parsed.
using VerbAction = std::function<Result<void>()>;

/// Each adds a verb, with its options and help, to `app`, and sets `run` if that verb is called. One verb per file.
void add_inspect(CLI::App& app, const CommonOptions& common, VerbAction& run);
void add_eval(CLI::App& app, const CommonOptions& common, VerbAction& run);
void add_generate(CLI::App& app, const CommonOptions& common, VerbAction& run);
void add_select(CLI::App& app, const CommonOptions& common, VerbAction& run);
void add_prune(CLI::App& app, const CommonOptions& common, VerbAction& run);
void add_monarch(CLI::App& app, const CommonOptions& common, VerbAction& run);
void add_simulate(CLI::App& app, const CommonOptions& common, VerbAction& run);
void add_sweep(CLI::App& app, const CommonOptions& common, VerbAction& run);
void add_rtl(CLI::App& app, const CommonOptions& common, VerbAction& run);
void add_explain(CLI::App& app, const CommonOptions& common, VerbAction& run);
void add_codesign(CLI::App& app, const CommonOptions& common, VerbAction& run);

/// Options that several verbs share (src/cli/options.cpp).
void add_model(CLI::App& verb, std::string& model);
void add_compute(CLI::App& verb, TensorRequest& request);
void add_split(CLI::App& verb, TextRequest& request);
/// An option of this name for a seed, which is refused outside 64 bits.
CLI::Option* add_seed(CLI::App& verb, const std::string& name, std::uint64_t& seed, const std::string& help);
void add_calibration(CLI::App& verb, CalibrationRequest& request);
/// The same but for the text.
void add_samples(CLI::App& verb, CalibrationRequest& request);
void add_selection(CLI::App& verb, SelectionOptions& request);

/// Errors: `value` of the option `name` outside [low, high].
Result<void> require_range(const std::string& name, double value, double low, double high);

/// Runs `verb` of the tensor library on `request`.
template <class Request>
Result<void> run_tensor_verb(Result<void> (*TensorVerbs::*verb)(const Request&), const Request& request) {
  SC_TRY_ASSIGN(const TensorVerbs* verbs, tensor_verbs());
  return (verbs->*verb)(request);
}

}  // namespace sparsecim
