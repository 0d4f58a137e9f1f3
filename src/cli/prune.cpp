#include <memory>

#include "cli/verb.hpp"

namespace sparsecim {
namespace {

Result<void> run_prune(PruneRequest request, const CommonOptions& common) {
  if (request.pattern.empty() && request.plan.empty())
    return fail(Remedy{"for instance --pattern 2:4, or --plan plan.json from 'sparsecim select'"},
                "one of --pattern and --plan is needed");
  SC_TRY(require_range("--share-pairs", static_cast<double>(request.share_pairs), 1, 1 << 20));
  request.force = common.force;
  return run_tensor_verb(&TensorVerbs::prune, request);
}

}  // namespace

void add_prune(CLI::App& app, const CommonOptions& common, VerbAction& run) {
  auto request = std::make_shared<PruneRequest>();
  CLI::App* verb = app.add_subcommand("prune", "Remove weights by a pattern or a plan and write the sparse checkpoint");
  add_model(*verb, request->model);
  verb->add_option("--pattern", request->pattern, "one pattern for every matrix, for instance 2:4");
  verb->add_option("--plan", request->plan, "a pattern per matrix, from 'sparsecim select'")->excludes("--pattern");
  verb->add_option(
          "--importance", request->importance,
          "wanda (arXiv 2306.11695); sparsegpt (arXiv 2301.00774), which also updates the weights that stay; or "
          "magnitude, which needs no text")
      ->capture_default_str();
  verb->add_option(
          "--share-pairs", request->share_pairs,
          "outputs that choose their weights from the same pairs of inputs, as FlexCiM's pair_select: shared_pairs "
          "needs with this many columns_per_group")
      ->capture_default_str();
  add_calibration(*verb, request->calibration);
  verb->add_option("-o,--output", request->output, "directory to write, in Hugging Face layout")->required();
  add_compute(*verb, *request);
  verb->footer(
      "Examples:\n"
      "  sparsecim prune smollm2-135m --pattern 2:4 --text calibration.txt -o sparse\n"
      "  sparsecim prune smollm2-135m --pattern 4:8 --importance sparsegpt -o updated\n"
      "  sparsecim prune smollm2-135m --pattern 4:8 --share-pairs 32 -o shared\n"
      "  sparsecim prune stories15M.bin --plan plan.json --importance magnitude -o sparse");
  verb->callback([request, &common, &run] { run = [request, &common] { return run_prune(*request, common); }; });
}

}  // namespace sparsecim
