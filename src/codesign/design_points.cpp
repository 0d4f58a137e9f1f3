#include "codesign/design_points.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "prune/compare_plans.hpp"

namespace sparsecim {
namespace fs = std::filesystem;
namespace {

constexpr const char* kBeside = "pareto-plan";  // in the output directory, while it is filled

struct Wanted {
  Method method;
  Plan plan;
};

/// N:8 at each of the sparsities, and the method's other options that are as sparse as one of them.
std::vector<Pattern> uniform_patterns(const CodesignJob& job) {
  std::vector<Pattern> patterns;
  const auto add = [&](Pattern pattern) {
    if (!pattern.dense() && std::ranges::find(patterns, pattern) == patterns.end()) patterns.push_back(pattern);
  };
  for (const double sparsity : job.pareto->sparsities) {
    add(uniform_pattern_at(sparsity));
    for (const Pattern option : job.selection.options)
      if (uniform_pattern_at(option.sparsity()) == uniform_pattern_at(sparsity)) add(option);
  }
  return patterns;
}

/// The plans of the front that are not among `variants`; what cannot be planned becomes a note.
Result<std::vector<Wanted>> wanted_plans(const CodesignJob& job, const OpenModel& dense, const Statistics* statistics,
                                         const std::vector<Variant>& variants, std::vector<std::string>& notes) {
  std::vector<Wanted> wanted;
  const auto add = [&](Method method, Plan plan) {
    const bool known = std::ranges::any_of(variants, [&](const Variant& variant) {
      return variant.name == name(method) && same_patterns(variant.plan, plan);
    });
    if (!known) wanted.push_back({method, std::move(plan)});
  };
  for (const Pattern pattern : uniform_patterns(job)) {
    SC_TRY_ASSIGN(Plan plan, uniform_plan_of(pattern, dense.checkpoint->config()));
    add(Method::kUniform, std::move(plan));
  }
  for (SelectionRequest request : job.pareto->methods) {
    SC_CHECK(statistics != nullptr);
    for (const double sparsity : job.pareto->sparsities) {
      request.sparsity = sparsity;
      if (auto plan = select_measured(dense.llama, *job.calibration, *statistics, request))
        add(request.method, std::move(*plan));
      else
        notes.push_back(fmt::format("{}: {}", label(request.method), plan.error().line()));
    }
  }
  return wanted;
}

/// Uniform plans name their pattern, others how sparse they are.
std::string point_label(const std::string& name, const std::string& label, const Plan& plan) {
  if (name == "dense" || name == sparsecim::name(Method::kUniform)) return label;
  return fmt::format("{} at {:.3g} %", label, 100 * plan.sparsity());
}

/// One scale is what has one M throughout, or chooses freely.
bool has_scale(const std::string& kind, const Plan& plan) {
  return kind != name(Method::kUniform) || plan.matrices.at(0).pattern.m == 8;
}

DesignPoint point_of(const std::string& name, const std::string& label, const Plan& plan, const Evaluation& quality,
                     std::span<const HardwareRun> runs, const std::string& machine) {
  DesignPoint point{.name = name,
                    .label = point_label(name, label, plan),
                    .sparsity = plan.sparsity(),
                    .stored_bytes = plan.stored_bytes(),
                    .perplexity = quality.perplexity(),
                    .latency_ns = {},
                    .energy_pj = {},
                    .on_scale = name != "dense" && has_scale(name, plan)};
  for (const HardwareRun& run : runs)
    if (run.machine == machine && run.work.phase == Phase::kDecode) {
      point.latency_ns = run.simulation.latency_ns;
      point.energy_pj = run.simulation.energy_pj.nominal;
    }
  return point;
}

/// No machine of ours computes with fewer than 8 bits, so a rounding costs bytes only. The 8-bit integers are left to
/// the baselines: every point is stored in them, and they are what the machines compute with.
void add_roundings(const std::vector<Baseline>& baselines, std::vector<DesignPoint>& points) {
  for (const Baseline& baseline : baselines)
    if (baseline.bits)
      points.push_back({.name = "dense",
                        .label = baseline.label,
                        .stored_bytes = baseline.stored_bytes,
                        .perplexity = baseline.quality.perplexity(),
                        .latency_ns = {},
                        .energy_pj = {},
                        .on_scale = true});
}

/// Prunes, evaluates and simulates one plan; its files go again.
Result<DesignPoint> try_plan(const OpenModel& dense, const CodesignJob& job, const Wanted& wanted,
                             const fs::path& directory) {
  const MachineDescription& machine = job.machines[0];
  std::vector<WorkloadRequest> decode;
  std::ranges::copy_if(job.phases, std::back_inserter(decode),
                       [](const WorkloadRequest& phase) { return phase.phase == Phase::kDecode; });
  SC_TRY_ASSIGN(const Pruned made, prune_into(directory, dense, wanted.method, wanted.plan, job));
  const Llama* const models[] = {&made.model};
  SC_TRY_ASSIGN(const auto qualities, evaluate(models, job.evaluation, *dense.tokenizer));
  SC_TRY_ASSIGN(const auto runs, simulate_model(*made.checkpoint, made.model, job, {&machine, 1}, decode));
  SC_TRY(remove_pruned(directory));
  return point_of(made.name, made.label, made.plan, qualities[0], runs, machine.name);
}

}  // namespace

Result<DesignPoints> make_design_points(const OpenModel& dense, const CodesignJob& job, const Statistics* statistics,
                                        const std::vector<Variant>& variants, const std::vector<Baseline>& baselines,
                                        const fs::path& directory, Stages& stages) {
  DesignPoints result;
  const std::string& machine = job.machines[0].name;
  for (const Variant& variant : variants)
    result.points.push_back(
        point_of(variant.name, variant.label, variant.plan, variant.quality, variant.hardware, machine));
  result.subject = variants.size() - 1;
  add_roundings(baselines, result.points);
  SC_TRY_ASSIGN(const auto wanted, wanted_plans(job, dense, statistics, variants, result.notes));
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const std::string stage = fmt::format("trying plan {} of {} for the Pareto front: {} at {:.3g} %", i + 1,
                                          wanted.size(), label(wanted[i].method), 100 * wanted[i].plan.sparsity());
    SC_TRY_ASSIGN(DesignPoint point,
                  stages.run(stage, [&] { return try_plan(dense, job, wanted[i], directory / kBeside); }));
    result.points.push_back(std::move(point));
  }
  return result;
}

}  // namespace sparsecim
