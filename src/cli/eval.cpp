#include <memory>

#include "cli/verb.hpp"

namespace sparsecim {
namespace {

Result<void> run_eval(const EvalRequest& request) {
  if (request.context != 0) SC_TRY(require_range("--context", static_cast<double>(request.context), 2, 1 << 20));
  SC_TRY(require_range("--max-tokens", static_cast<double>(request.max_tokens), 1, 1e19));
  if (!request.split && request.max_documents != INT64_MAX)
    return fail(Remedy{"say by --split what separates documents"}, "--max-documents needs documents");
  SC_TRY(require_range("--max-documents", static_cast<double>(request.max_documents), 1, 1e19));
  return run_tensor_verb(&TensorVerbs::eval, request);
}

}  // namespace

void add_eval(CLI::App& app, const CommonOptions&, VerbAction& run) {
  auto request = std::make_shared<EvalRequest>();
  CLI::App* verb = app.add_subcommand("eval", "Perplexity of a model on a text, and its distance from another model");
  add_model(*verb, request->model);
  verb->add_option("--text", request->text, "the text, UTF-8")->required();
  add_split(*verb, *request);
  verb->add_option(
      "--context", request->context,
      "tokens per window; with --split, predicted tokens per document (default: 2048 or the model's most)");
  verb->add_option("--max-tokens", request->max_tokens, "use at most this much of the text");
  verb->add_option("--max-documents", request->max_documents, "with --split: use at most this many");
  verb->add_option(
          "--arithmetic", request->arithmetic,
          "of products with weights: float, or int8 as the digital macros compute (weights in 8 bits by output, "
          "activations by token, exact sums)")
      ->capture_default_str();
  verb->add_option("--compare", request->compare, "a model to compare with: KL divergence and top-1 agreement");
  add_compute(*verb, *request);
  verb->add_option("--json", request->json, "write the result to this file");
  verb->footer(
      "Examples:\n"
      "  sparsecim eval smollm2-135m --text wiki.txt --context 1024 --max-tokens 40000\n"
      "  sparsecim eval stories15M.bin --text stories.txt --split '<|endoftext|>' --context 256\n"
      "  sparsecim eval pruned/ --text wiki.txt --compare smollm2-135m --json result.json\n"
      "  sparsecim eval pruned/ --text wiki.txt --arithmetic int8 --compare pruned/");
  verb->callback([request, &run] { run = [request] { return run_eval(*request); }; });
}

}  // namespace sparsecim
