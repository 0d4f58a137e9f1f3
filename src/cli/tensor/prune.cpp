#include "prune/prune.hpp"

#include <algorithm>
#include <iterator>

#include "base/file.hpp"
#include "base/progress.hpp"
#include "base/provenance.hpp"
#include "cli/tensor/common.hpp"
#include "prune/imported.hpp"
#include "prune/measure.hpp"

namespace sparsecim {
namespace {

Result<Plan> requested_plan(const PruneRequest& request, const Checkpoint& checkpoint, const ImportedMasks* masks) {
  if (!request.plan.empty()) return read_plan(request.plan);
  if (request.pattern.empty()) return plan_of_masks(dense_plan_of(checkpoint.config()), *masks);
  SC_TRY_ASSIGN(const Pattern pattern, parse_pattern(request.pattern));
  return select_uniform(dense_plan_of(checkpoint.config()), {.sparsity = pattern.sparsity(), .options = {pattern}});
}

/// Everything that decides what comes out, resolved.
struct PruneJob {
  Plan plan;  // with its provenance
  Importance importance = Importance::kWanda;
  MaskSharing sharing;
  std::unique_ptr<ImportedMasks> masks;    // in place of an importance, or null
  std::optional<Calibration> calibration;  // none for magnitude
};

/// The way in which weights are chosen, with what it reads; `options` and `inputs` receive what it was told.
Result<void> choose_method(const PruneRequest& request, const OpenModel& model, PruneJob& job, Json& options,
                           std::vector<std::filesystem::path>& inputs) {
  if (!request.masks.empty()) {
    SC_TRY_ASSIGN(job.masks, open_masks(request.masks, model.checkpoint->config()));
    options["masks"] = request.masks.string();
    std::ranges::copy(job.masks->files(), std::back_inserter(inputs));
    return {};
  }
  SC_TRY_ASSIGN(job.importance, parse_importance(request.importance));
  SC_TRY_ASSIGN(job.sharing, parse_mask_granularity(request.mask_granularity));
  options["importance"] = request.importance;
  options["mask_granularity"] = name(job.sharing);
  if (job.importance == Importance::kMagnitude) return {};
  SC_TRY_ASSIGN(const NamedCorpus text, open_corpus(request.calibration, kEnglishCalibration));
  SC_TRY_ASSIGN(job.calibration, calibrate(request.calibration, text, model));
  options["calibration"] = options_of(request.calibration, text.path, *job.calibration);
  inputs.push_back(text.path);
  return {};
}

Result<PruneJob> make_job(const PruneRequest& request, const OpenModel& model) {
  SC_TRY(require_dense(model.checkpoint->config(), "cannot be pruned"));
  PruneJob job;
  Json options = options_of(request);
  auto inputs = model.checkpoint->files();
  if (!request.plan.empty()) {
    options["plan"] = request.plan.string();
    inputs.push_back(request.plan);
  } else if (!request.pattern.empty()) {
    options["pattern"] = request.pattern;
  }
  SC_TRY(choose_method(request, model, job, options, inputs));
  SC_TRY_ASSIGN(job.plan, requested_plan(request, *model.checkpoint, job.masks.get()));
  SC_TRY_ASSIGN(job.plan.provenance, provenance("prune", std::move(options), inputs, request.calibration.seed));
  return job;
}

/// What the result depends on: not on how many threads make it.
std::string identity_of(const Plan& plan) {
  Json json = to_json(plan);
  json["provenance"]["options"].erase("threads");
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// Prunes into `directory`, from where an earlier run of the same job stopped there. What can be gone on with stays.
Result<PruneOutput> prune_into(OutputDirectory& directory, const OpenModel& model, const PruneJob& job, bool replace) {
  SC_TRY_ASSIGN(PruneOutput output, PruneOutput::resume(*model.checkpoint, directory.path(), plan_metadata(job.plan),
                                                        identity_of(job.plan), replace));
  const std::int64_t n_blocks = model.llama.n_blocks();
  if (output.finished_blocks() > 0)
    fmt::print(stderr, "going on behind the {} of {} blocks in {}\n", output.finished_blocks(), n_blocks,
               directory.path().string());
  auto pruned = job.masks ? prune_by_masks(job.plan, *job.masks, output)
                          : prune(model.llama, job.plan, job.importance, job.calibration ? &*job.calibration : nullptr,
                                  output, job.sharing);
  directory.keep(output.can_be_gone_on_with());
  if (pruned) return output;
  if (output.can_be_gone_on_with()) {
    std::string& remedy = pruned.error().remedy;
    remedy += fmt::format("{}{} keeps {} of {} blocks: the same command goes on from there", remedy.empty() ? "" : "; ",
                          directory.path().string(), output.saved_blocks(), n_blocks);
  }
  return tl::unexpected(std::move(pruned).error());
}

double percent_of(std::int64_t part, std::int64_t whole) {
  return 100 * static_cast<double>(part) / static_cast<double>(whole);
}

/// What a reader must know of what was written.
std::vector<std::string> notes_of(const PruneOutput& output, const Plan& plan) {
  std::vector<std::string> notes = output.notes();
  const std::int64_t removed = plan.weights() - plan.kept();
  if (output.zeros() != removed)
    notes.push_back(fmt::format("{} weights are zero, by the plan's patterns {} ({:.2f} %)",
                                format_count(output.zeros()), format_count(removed), 100 * plan.sparsity()));
  return notes;
}

/// What stands beside the weights, and what a reader is told.
Result<void> complete(const PruneRequest& request, OutputDirectory& directory, PruneJob& job,
                      const PruneOutput& output) {
  Plan& plan = job.plan;
  const std::vector<std::string> notes = notes_of(output, plan);
  plan.notes.insert(plan.notes.end(), notes.begin(), notes.end());
  SC_TRY(write_plan(directory.path() / "plan.json", plan));
  SC_TRY(directory.commit());
  SC_TRY(forget_progress(request.output));
  fmt::print("{}: {} of {} weights of the decoder blocks are zero ({:.2f} %; {:.2f} % of the whole model)\n",
             request.output.string(), format_count(output.zeros()), format_count(plan.weights()),
             percent_of(output.zeros(), plan.weights()),
             percent_of(output.zeros(), plan.weights() + plan.other_weights));
  for (const std::string& note : job.masks ? plan.notes : notes) fmt::print("note: {}\n", note);
  return {};
}

/// As one of several processes: each observes its share of the samples, all prune alike, the first one writes. Such a
/// run is not gone on with when it was stopped.
Result<void> prune_with_others(const PruneRequest& request, Processes& processes) {
  const bool first = processes.rank() == 0;
  if (!first) silence_progress();
  std::optional<OutputDirectory> directory;
  if (first) {
    SC_TRY_ASSIGN(OutputDirectory created, OutputDirectory::create(request.output, request.force));
    directory.emplace(std::move(created));
  }
  SC_TRY_ASSIGN(const OpenModel model, open_requested(request));
  SC_TRY_ASSIGN(PruneJob job, make_job(request, model));
  if (!job.calibration)
    return fail(Remedy{"start one process"}, "magnitudes and masks need no samples that processes could share");
  SC_TRY(share(*job.calibration, processes));
  SC_TRY_ASSIGN(PruneOutput output,
                first ? PruneOutput::create(*model.checkpoint, directory->path(), plan_metadata(job.plan))
                      : Result<PruneOutput>(PruneOutput::nowhere(*model.checkpoint)));
  SC_TRY(prune(model.llama, job.plan, job.importance, &*job.calibration, output, job.sharing));
  SC_TRY(processes.finish());
  return first ? complete(request, *directory, job, output) : Result<void>{};
}

}  // namespace

Result<void> run_prune(const PruneRequest& request) {
  SC_TRY_ASSIGN(Processes processes, Processes::from_environment());
  if (processes.count() > 1) return prune_with_others(request, processes);
  SC_TRY_ASSIGN(OutputDirectory output, OutputDirectory::resume(request.output, request.force));
  SC_TRY(parse_importance(request.importance));                          // before the model is read
  SC_TRY(parse_mask_granularity(request.mask_granularity));              // likewise
  if (!request.pattern.empty()) SC_TRY(parse_pattern(request.pattern));  // likewise
  SC_TRY_ASSIGN(const OpenModel model, open_requested(request));
  SC_TRY_ASSIGN(PruneJob job, make_job(request, model));
  SC_TRY_ASSIGN(const PruneOutput written, prune_into(output, model, job, request.force));
  return complete(request, output, job, written);
}

}  // namespace sparsecim
