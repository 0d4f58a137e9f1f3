#include "codesign/pipeline.hpp"

#include <functional>
#include <optional>

#include "base/check.hpp"
#include "codesign/baselines.hpp"
#include "codesign/candidate.hpp"
#include "codesign/design_points.hpp"
#include "prune/compare_plans.hpp"
#include "prune/measure.hpp"

namespace sparsecim {
namespace fs = std::filesystem;
namespace {

constexpr const char* kRival = "uniform-rival";  // in the output directory, while it is filled

/// A comparison is at equal macros, or it is none.
Result<void> check_equal_macros(const std::vector<HardwareRun>& runs) {
  for (const HardwareRun& run : runs)
    if (run.simulation.macros != runs[0].simulation.macros)
      return fail(Remedy{"set system.macros of both to the same number, or name another --baseline"},
                  "{} has {} macros and {} has {}: they cannot be compared", runs[0].machine, runs[0].simulation.macros,
                  run.machine, run.simulation.macros);
  return {};
}

/// Outliers of each decoder block, as the method sees them.
Result<std::vector<Outliers>> block_outliers(const Statistics& statistics, const SelectionRequest& request) {
  SC_TRY_ASSIGN(const auto outliers, statistics.outliers({request.tau, request.granularity}));
  std::vector<Outliers> blocks;
  for (std::size_t i = 0; i < outliers.size();) {
    std::vector<Outliers> matrices;
    const std::int64_t block = statistics.matrices[i].block;
    for (; i < outliers.size() && statistics.matrices[i].block == block; ++i) matrices.push_back(outliers[i]);
    blocks.push_back(combine(matrices));
  }
  return blocks;
}

/// What the method says, and the outliers that it saw.
struct Selected {
  Plan plan;
  std::vector<Outliers> blocks;
  std::optional<Statistics> statistics;  // where a method needs them
};

/// What all methods of the job want to know.
StatisticsScope whole_scope(const CodesignJob& job) {
  StatisticsScope scope = scope_of(job.selection);
  if (!job.pareto) return scope;
  for (const SelectionRequest& method : job.pareto->methods) {
    const StatisticsScope other = scope_of(method);
    for (const Threshold& threshold : other.thresholds) scope.add(threshold);
    for (const Pattern& pattern : other.patterns) scope.add(pattern);
    for (const Pattern& pattern : other.error_patterns) scope.add_error(pattern);
    if (other.losses) scope.losses = other.losses;
  }
  return scope;
}

/// What `select` makes of the request, as a whole within what decoding may take.
Result<Plan> select_within_decode(const ModelConfig& config, const CodesignJob& job,
                                  const std::function<Result<Plan>(const SelectionRequest&)>& select) {
  if (!job.decode.most_ns && !job.decode.most_nj) return select(job.selection);
  return select_within(shapes_of(config, job.model), job.machines[0], job.decode, job.selection, select);
}

/// The plan of a method that needs no statistics.
Result<Plan> select_without_statistics(const OpenModel& dense, const CodesignJob& job) {
  const ModelConfig& config = dense.checkpoint->config();
  if (job.selection.method != Method::kShuffled)
    return select_within_decode(
        config, job, [&](const SelectionRequest& request) { return select_uniform(dense_plan_of(config), request); });
  SC_CHECK(job.shuffled.has_value());
  SC_TRY(check_plan(*job.shuffled, config));
  return select_shuffled(*job.shuffled, job.seed);
}

Result<Selected> select(const OpenModel& dense, const CodesignJob& job, Stages& stages) {
  Selected selected;
  const bool needs = needs_statistics(job.selection.method);
  if (needs || (job.pareto && !job.pareto->methods.empty())) {
    SC_TRY_ASSIGN(selected.statistics, stages.run("measuring the dense model's outliers", [&] {
      return measure_statistics(dense.llama, *dense.checkpoint, *job.calibration, whole_scope(job));
    }));
  }
  if (!needs) {
    SC_TRY_ASSIGN(selected.plan, select_without_statistics(dense, job));
    return selected;
  }
  SC_TRY_ASSIGN(selected.plan, stages.run("selecting a pattern per layer", [&] {
    return select_within_decode(dense.checkpoint->config(), job, [&](const SelectionRequest& request) {
      return select_measured(dense.llama, *job.calibration, *selected.statistics, request);
    });
  }));
  SC_TRY_ASSIGN(selected.blocks, block_outliers(*selected.statistics, job.selection));
  return selected;
}

/// The models to hold beside the dense one: the method's own comes last, its uniform rival before it. The report says
/// where their sparsities differ.
Result<std::vector<Pruned>> prune_all(const OpenModel& dense, const Plan& plan, const CodesignJob& job,
                                      const fs::path& directory, Stages& stages) {
  SC_TRY_ASSIGN(const Plan rival, uniform_plan_of(uniform_pattern_at(plan.sparsity()), dense.checkpoint->config()));
  std::vector<Pruned> all;
  const auto add = [&](Method method, const Plan& of, const fs::path& into) -> Result<void> {
    SC_TRY_ASSIGN(Pruned made, stages.run(fmt::format("pruning: {}", label(method)),
                                          [&] { return prune_into(into, dense, method, of, job); }));
    all.push_back(std::move(made));
    return {};
  };
  const Method method = job.selection.method;
  if (method != Method::kUniform) SC_TRY(add(Method::kUniform, rival, directory / kRival));
  SC_TRY(add(method, plan, directory / "model"));
  return all;
}

/// What evaluation says of all that it held side by side.
struct Evaluated {
  std::vector<Variant> variants;
  std::vector<Baseline> baselines;
};

Result<Evaluated> evaluate_all(const OpenModel& dense, const std::vector<Pruned>& candidates, const CodesignJob& job) {
  std::optional<std::int64_t> equal_bytes;
  if (job.pareto) equal_bytes = candidates.back().plan.stored_bytes();
  SC_TRY_ASSIGN(const std::vector<BaselineModel> roundings, open_baselines(dense, equal_bytes));
  std::vector<const Llama*> models = {&dense.llama};
  for (const Pruned& candidate : candidates) models.push_back(&candidate.model);
  for (const BaselineModel& rounding : roundings) models.push_back(&rounding.model);
  SC_TRY_ASSIGN(const auto qualities, evaluate(models, job.evaluation, *dense.tokenizer, &dense.llama));
  Evaluated all;
  auto quality = qualities.begin();
  all.variants.push_back({"dense", "Dense", dense_plan_of(dense.checkpoint->config()), *quality++, {}});
  for (const Pruned& candidate : candidates)
    all.variants.push_back({candidate.name, candidate.label, candidate.plan, *quality++, {}});
  for (const BaselineModel& rounding : roundings) {
    all.baselines.push_back(rounding.baseline);
    all.baselines.back().quality = *quality++;
  }
  return all;
}

/// The machines on the pruned models; the dense one was simulated first.
Result<void> simulate_pruned(const std::vector<Pruned>& candidates, const CodesignJob& job,
                             std::vector<Variant>& variants) {
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    SC_TRY_ASSIGN(variants[i + 1].hardware,
                  simulate_model(*candidates[i].checkpoint, candidates[i].model, job, job.machines, job.phases));
  }
  return {};
}

}  // namespace

Result<CodesignResult> codesign(const OpenModel& dense, const CodesignJob& job, const fs::path& directory) {
  Stages stages;
  // First, since it is quick and finds out whether the machines can run this model at all.
  SC_TRY_ASSIGN(auto dense_hardware, stages.run("simulating the machines on the dense model", [&] {
    return simulate_model(*dense.checkpoint, dense.llama, job, job.machines, job.phases);
  }));
  SC_TRY(check_equal_macros(dense_hardware));
  SC_TRY_ASSIGN(Selected selected, select(dense, job, stages));
  selected.plan.provenance = job.provenance;
  SC_TRY_ASSIGN(const std::vector<Pruned> candidates, prune_all(dense, selected.plan, job, directory, stages));
  SC_TRY_ASSIGN(Evaluated evaluated,
                stages.run("evaluating all models side by side", [&] { return evaluate_all(dense, candidates, job); }));
  evaluated.variants[0].hardware = std::move(dense_hardware);
  SC_TRY(stages.run("simulating the machines on the pruned models",
                    [&] { return simulate_pruned(candidates, job, evaluated.variants); }));
  SC_TRY(remove_pruned(directory / kRival));
  DesignPoints front;
  if (job.pareto) {
    const Statistics* statistics = selected.statistics ? &*selected.statistics : nullptr;
    SC_TRY_ASSIGN(
        front, make_design_points(dense, job, statistics, evaluated.variants, evaluated.baselines, directory, stages));
  }
  return CodesignResult{.variants = std::move(evaluated.variants),
                        .baselines = std::move(evaluated.baselines),
                        .points = std::move(front.points),
                        .subject = front.subject,
                        .notes = std::move(front.notes),
                        .plan = candidates.back().plan,
                        .blocks = std::move(selected.blocks),
                        .stages = stages.take()};
}

}  // namespace sparsecim
