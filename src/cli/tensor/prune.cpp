#include "prune/prune.hpp"

#include "base/file.hpp"
#include "base/progress.hpp"
#include "base/provenance.hpp"
#include "cli/tensor/common.hpp"
#include "prune/measure.hpp"

namespace sparsecim {
namespace {

Result<Plan> requested_plan(const PruneRequest& request, const Checkpoint& checkpoint) {
  if (!request.plan.empty()) return read_plan(request.plan);
  SC_TRY_ASSIGN(const Pattern pattern, parse_pattern(request.pattern));
  return select_uniform(dense_plan_of(checkpoint.config()), {.sparsity = pattern.sparsity(), .options = {pattern}});
}

}  // namespace

Result<void> run_prune(const PruneRequest& request) {
  SC_TRY_ASSIGN(OutputDirectory output, OutputDirectory::create(request.output, request.force));
  SC_TRY_ASSIGN(const Importance importance, parse_importance(request.importance));
  if (!request.pattern.empty()) SC_TRY(parse_pattern(request.pattern));  // before the model is read
  SC_TRY_ASSIGN(OpenModel model, open_requested(request));
  SC_TRY_ASSIGN(Plan plan, requested_plan(request, *model.checkpoint));
  Json options = options_of(request);
  options["importance"] = request.importance;
  options[request.plan.empty() ? "pattern" : "plan"] = request.plan.empty() ? request.pattern : request.plan.string();
  auto inputs = model.checkpoint->files();
  if (!request.plan.empty()) inputs.push_back(request.plan);
  std::optional<Calibration> calibration;
  if (importance != Importance::kMagnitude) {
    SC_TRY_ASSIGN(const NamedCorpus text, open_corpus(request.calibration, kEnglishCalibration));
    SC_TRY_ASSIGN(calibration, calibrate(request.calibration, text, model));
    options["calibration"] = options_of(request.calibration, text.path);
    inputs.push_back(text.path);
  }
  SC_TRY(prune(model.llama, plan, importance, calibration ? &*calibration : nullptr));
  SC_TRY_ASSIGN(plan.provenance, provenance("prune", std::move(options), inputs, request.calibration.seed));
  SC_TRY(export_checkpoint(*model.checkpoint, output.path(), zeros_of(model.llama),
                           {{"format", "pt"}, {"sparsecim_plan", plan_text(plan)}}));
  SC_TRY(write_plan(output.path() / "plan.json", plan));
  SC_TRY(output.commit());
  fmt::print("{}: {} of {} weights of the decoder blocks are zero ({:.2f} %; {:.2f} % of the whole model)\n",
             request.output.string(), format_count(plan.weights() - plan.kept()), format_count(plan.weights()),
             100 * plan.sparsity(), 100 * plan.whole_model_sparsity());
  return {};
}

}  // namespace sparsecim
