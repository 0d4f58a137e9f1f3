#include <memory>

#include "cli/verb.hpp"

namespace sparsecim {
namespace {

Result<void> run_codesign(CodesignRequest request, const CommonOptions& common) {
  if (request.context) SC_TRY(require_range("--context", static_cast<double>(*request.context), 2, 1 << 20));
  if (request.prefill_tokens)
    SC_TRY(require_range("--prefill", static_cast<double>(*request.prefill_tokens), 1, 1 << 20));
  if (request.decode_context)
    SC_TRY(require_range("--decode-context", static_cast<double>(*request.decode_context), 0, 1 << 20));
  SC_TRY(require_range("--eval-tokens", static_cast<double>(request.evaluation_tokens), 2, 1e12));
  request.force = common.force;
  return run_tensor_verb(&TensorVerbs::codesign, request);
}

void add_pareto(CLI::App& verb, CodesignRequest& request) {
  CLI::Option* pareto = verb.add_flag(
      "--pareto", request.pareto,
      "also the front of perplexity against stored bytes, decoding latency and energy on --arch, over several "
      "sparsities of this method and of one pattern for all, and the dense model at equal bytes; a dozen models "
      "more to prune and evaluate");
  verb.add_option("--pareto-sparsities", request.pareto_sparsities, "sparsities of the front")
      ->delimiter(',')
      ->needs(pareto)
      ->default_str("0.25,0.375,0.5,0.625,0.75");
  verb.add_option("--pareto-methods", request.pareto_methods, "further methods on the front, \"flow,owl\"")
      ->delimiter(',')
      ->needs(pareto);
}

}  // namespace

void add_codesign(CLI::App& app, const CommonOptions& common, VerbAction& run) {
  auto request = std::make_shared<CodesignRequest>();
  request->selection.method = "loss";  // the best one measured (docs/results/flow.md); select takes the paper's
  CLI::App* verb =
      app.add_subcommand("codesign", "Calibrate, select, prune, evaluate and simulate a model; write a report");
  add_model(*verb, request->model);
  add_selection(*verb, request->selection);
  add_calibration(*verb, request->calibration);
  verb->add_option("--arch", request->arch, "machine: a name or a YAML file")->capture_default_str();
  verb->add_option("--baseline", request->baseline, "machine to compare with")->capture_default_str();
  verb->add_option("--importance", request->importance, "wanda, sparsegpt or magnitude")->capture_default_str();
  verb->add_option("--eval-text", request->evaluation_text,
                   "text to evaluate on (default: the last fifth of --text, kept out of calibration; without --text, "
                   "other English that tools/fetch-text got)");
  verb->add_option("--eval-tokens", request->evaluation_tokens, "evaluate on at most this many")->capture_default_str();
  verb->add_option("--context", request->context, "tokens per evaluation window (default: 2048 or the model's most)");
  verb->add_option("--prefill", request->prefill_tokens,
                   "tokens of the simulated prefill (default: 512 or the model's most)");
  verb->add_option("--decode-context", request->decode_context,
                   "tokens before the simulated decoding step (default: 512 or the model's most)");
  add_pareto(*verb, *request);
  verb->add_option("-o,--output", request->output, "directory to write")->required();
  add_compute(*verb, *request);
  verb->footer(
      "Writes record.json (every number), plan.json, model/ (the sparse checkpoint) and report.html.\n"
      "Example:\n  sparsecim codesign smollm2-135m --sparsity 0.5 --arch flexcim -o run\n"
      "The paper's rules instead of measured losses, which is faster:\n"
      "  sparsecim codesign smollm2-135m --method flow --sparsity 0.5 -o run\n"
      "What can be had for which size, latency and energy:\n"
      "  sparsecim codesign smollm2-135m --sparsity 0.5 --pareto --pareto-methods flow -o run");
  verb->callback([request, &common, &run] { run = [request, &common] { return run_codesign(*request, common); }; });
}

}  // namespace sparsecim
