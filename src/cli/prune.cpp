#include <memory>

#include "cli/verb.hpp"

namespace sparsecim {
namespace {

Result<void> run_prune(PruneRequest request, const CommonOptions& common) {
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
  CLI::Option* masks = verb->add_option(
      "--masks", request->masks,
      "masks made elsewhere: a .safetensors of booleans, true where a weight stays, one for each matrix under its "
      "weight's name; or the zeros of another checkpoint of the model. With --pattern or --plan they must hold these");
  CLI::Option* importance =
      verb->add_option(
              "--importance", request->importance,
              "wanda (arXiv 2306.11695); sparsegpt (arXiv 2301.00774), which also updates the weights that stay; or "
              "magnitude, which needs no text")
          ->capture_default_str();
  masks->excludes(importance);
  CLI::Option* granularity = verb->add_option("--mask-granularity", request->mask_granularity,
                                              "which output rows choose together: row (each by itself), rows:G (G rows "
                                              "keep the same columns), or pairs:G "
                                              "(G rows share their pairs of columns and each picks of a pair: for "
                                              "FlexCiM with pair_select shared_pairs)")
                                 ->capture_default_str();
  masks->excludes(granularity);
  add_calibration(*verb, request->calibration);
  verb->add_option("-o,--output", request->output, "directory to write, in Hugging Face layout")->required();
  add_compute(*verb, *request);
  verb->footer(
      "Examples:\n"
      "  sparsecim prune smollm2-135m --pattern 2:4 --text calibration.txt -o sparse\n"
      "  sparsecim prune smollm2-135m --pattern 4:8 --importance sparsegpt -o updated\n"
      "  sparsecim prune smollm2-135m --pattern 2:4 --mask-granularity pairs:32 -o shared\n"
      "  sparsecim prune smollm2-135m --masks masks.safetensors -o sparse\n"
      "  torchrun --no-python --nproc-per-node 2 sparsecim prune smollm2-135m --pattern 2:4 -o sparse\n"
      "  sparsecim prune stories15M.bin --plan plan.json --importance magnitude -o sparse");
  verb->parse_complete_callback([request] {
    if (request->pattern.empty() && request->plan.empty() && request->masks.empty())
      throw CLI::RequiredError("--pattern, --plan or --masks");
  });
  verb->callback([request, &common, &run] { run = [request, &common] { return run_prune(*request, common); }; });
}

}  // namespace sparsecim
