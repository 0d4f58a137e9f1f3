#include "sparsity/select.hpp"

#include <optional>

#include "base/file.hpp"
#include "base/progress.hpp"
#include "base/provenance.hpp"
#include "cli/tensor/common.hpp"
#include "prune/compare_plans.hpp"
#include "prune/measure.hpp"
#include "prune/prune.hpp"
#include "report/table.hpp"

namespace sparsecim {
namespace {

namespace fs = std::filesystem;

/// The model, and the tokens that it is calibrated on.
struct Subject {
  NamedCorpus text;
  OpenModel model;
  Calibration calibration;
};

Result<Subject> open_subject(const SelectRequest& request) {
  SC_TRY_ASSIGN(NamedCorpus text, open_corpus(request.calibration, kEnglishCalibration));
  SC_TRY_ASSIGN(OpenModel model, open_requested(request));
  SC_TRY_ASSIGN(Calibration calibration, calibrate(request.calibration, text, model));
  return Subject{std::move(text), std::move(model), std::move(calibration)};
}

/// One of several `processes` measures its share; the first one keeps what all have measured.
Result<Statistics> measure_and_keep(const SelectRequest& request, Subject& subject, const SelectionRequest& selection,
                                    Processes& processes) {
  SC_TRY(share(subject.calibration, processes));
  const bool keep = !request.statistics.empty() && processes.rank() == 0;
  if (keep) SC_TRY(OutputFile::create(request.statistics));  // whether it can be written, before the work
  const OpenModel& model = subject.model;
  SC_TRY_ASSIGN(Statistics statistics,
                measure_statistics(model.llama, *model.checkpoint, subject.calibration, scope_of(selection)));
  Json options = options_of(request);
  options["calibration"] = options_of(request.calibration, subject.text.path, subject.calibration);
  auto inputs = model.checkpoint->files();
  inputs.push_back(subject.text.path);
  SC_TRY_ASSIGN(statistics.provenance, provenance("select", std::move(options), inputs, request.calibration.seed));
  if (keep) SC_TRY(write_statistics(request.statistics, statistics));
  return statistics;
}

/// Losses that were measured otherwise than the command line asks for are not what it asks for.
Result<void> check_losses(const SelectRequest& request, const SelectionRequest& selection,
                          const Statistics& statistics) {
  if (selection.method != Method::kLoss || !statistics.scope.losses) return {};
  const LossScope& there = *statistics.scope.losses;
  const Remedy remedy{"leave the option out, or name another --statistics file, so that they are measured"};
  if (request.selection.loss_reference && selection.losses.reference != there.reference)
    return fail(remedy, "{}: losses were measured around {}, not --loss-reference {}", request.statistics.string(),
                there.reference.name(), selection.losses.reference.name());
  if (request.selection.loss_tokens && selection.losses.tokens != there.tokens)
    return fail(remedy, "{}: losses were measured on {} tokens, not --loss-tokens {}", request.statistics.string(),
                there.tokens, selection.losses.tokens);
  return {};
}

/// What was saved: choosing again takes no pass over the model, but where plans by loss are compared.
Result<Statistics> saved_statistics(const SelectRequest& request, const SelectionRequest& selection, bool compare,
                                    const Processes& processes) {
  SC_TRY_ASSIGN(const auto checkpoint, open_checkpoint(request.model));
  SC_TRY_ASSIGN(const std::string model, fingerprint(checkpoint->files()));
  SC_TRY_ASSIGN(Statistics statistics, read_statistics(request.statistics, model));
  SC_TRY(check_losses(request, selection, statistics));
  if (processes.rank() == 0)
    fmt::print(stderr, "using {}: {} calibration tokens; --text, --samples, --length and --seed {}\n",
               request.statistics.string(), format_count(statistics.n_tokens),
               compare ? "say what plans are compared on" : "are not used");
  return statistics;
}

Result<Json> provenance_of(const SelectRequest& request, std::vector<fs::path> inputs) {
  Json options = options_of(request);
  options.update(options_of(request.selection));
  if (!request.selection.plan.empty()) inputs.push_back(request.selection.plan);
  return provenance("select", std::move(options), inputs, request.calibration.seed);
}

Result<Plan> uniform_plan(const SelectRequest& request, const SelectionRequest& selection,
                          const Checkpoint& checkpoint) {
  const auto select = [&](const SelectionRequest& bounded) {
    return select_uniform(dense_plan_of(checkpoint.config()), bounded);
  };
  SC_TRY_ASSIGN(Plan plan, select_within_decode(request.selection, checkpoint.config(), {}, selection, select));
  SC_TRY_ASSIGN(plan.provenance, provenance_of(request, checkpoint.files()));
  return plan;
}

Result<Plan> shuffled_plan(const SelectRequest& request, const Checkpoint& checkpoint) {
  SC_TRY_ASSIGN(Plan plan, read_plan(request.selection.plan));
  SC_TRY(within(request.selection.plan.string(), check_plan(plan, checkpoint.config())));
  plan = select_shuffled(std::move(plan), request.calibration.seed);
  SC_TRY_ASSIGN(plan.provenance, provenance_of(request, checkpoint.files()));
  return plan;
}

Result<Plan> plan_by_statistics(const SelectRequest& request, const SelectionRequest& selection,
                                const Checkpoint& checkpoint, Processes& processes) {
  const bool saved = !request.statistics.empty() && fs::exists(request.statistics);
  const bool compare = selection.method == Method::kLoss && !selection.caution;
  std::optional<Subject> subject;
  if (!saved || compare) {
    SC_TRY_ASSIGN(subject, open_subject(request));
  }
  SC_TRY_ASSIGN(const Statistics statistics, saved ? saved_statistics(request, selection, compare, processes)
                                                   : measure_and_keep(request, *subject, selection, processes));
  const auto select = [&](const SelectionRequest& bounded) {
    return subject ? select_measured(subject->model.llama, subject->calibration, statistics, bounded)
                   : select_by_statistics(statistics, bounded);
  };
  SC_TRY_ASSIGN(Plan plan, select_within_decode(request.selection, checkpoint.config(), {}, selection, select));
  plan.provenance = statistics.provenance;
  Json& options = plan.provenance["options"];
  options.update(options_of(request.selection));
  if (const auto& losses = statistics.scope.losses; losses && selection.method == Method::kLoss)
    options.update({{"loss_reference", losses->reference.name()}, {"loss_tokens", losses->tokens}});
  if (saved && compare) {
    const fs::path& text = subject->text.path;
    SC_TRY_ASSIGN(plan.provenance["compared_on"],
                  provenance("select", options_of(request.calibration, text, subject->calibration), {text},
                             request.calibration.seed));
  }
  return plan;
}

Result<Plan> requested_plan(const SelectRequest& request, Processes& processes) {
  SC_TRY_ASSIGN(SelectionRequest selection, selection_of(request.selection));
  SC_TRY_ASSIGN(const auto checkpoint, open_checkpoint(request.model));
  SC_TRY(require_dense(checkpoint->config(), "have no N:M patterns"));
  if (selection.method == Method::kShuffled) return shuffled_plan(request, *checkpoint);
  SC_TRY(add_decode_ceilings(request.selection, checkpoint->config(), {}, selection));
  return selection.method == Method::kUniform ? uniform_plan(request, selection, *checkpoint)
                                              : plan_by_statistics(request, selection, *checkpoint, processes);
}

void print(const Plan& plan) {
  std::map<Pattern, std::pair<std::int64_t, std::int64_t>> uses;  // matrices, weights
  for (const PlannedMatrix& matrix : plan.matrices) {
    ++uses[matrix.pattern].first;
    uses[matrix.pattern].second += matrix.weights();
  }
  Table table({"pattern", "matrices", "weights", "share"});
  for (const auto& [pattern, use] : uses)
    table.row({pattern.name(), format_count(use.first), format_count(use.second),
               fmt::format("{:.1f} %", 100.0 * static_cast<double>(use.second) / static_cast<double>(plan.weights()))});
  fmt::print("{}sparsity {:.4f} of the decoder blocks, {:.4f} of the whole model\n", table.text(), plan.sparsity(),
             plan.whole_model_sparsity());
  fmt::print("stored with 8-bit weights: {} bytes\n", format_count(plan.stored_bytes()));
  for (const std::string& note : plan.notes) fmt::print("note: {}\n", note);
}

}  // namespace

Result<void> run_select(const SelectRequest& request) {
  SC_TRY_ASSIGN(Processes processes, Processes::from_environment());
  if (!request.statistics.empty() && request.statistics.lexically_normal() == request.output.lexically_normal())
    return fail(Remedy{"name another file"}, "{} cannot be both --statistics and --output", request.output.string());
  const bool first = processes.rank() == 0;  // which writes and speaks for all
  if (first)
    SC_TRY(OutputFile::create(request.output));  // whether it can be written, before the work
  else
    silence_progress();
  SC_TRY_ASSIGN(const Plan plan, requested_plan(request, processes));
  SC_TRY(processes.finish());
  if (!first) return {};
  SC_TRY(write_plan(request.output, plan));
  print(plan);
  return {};
}

}  // namespace sparsecim
