#include "codesign/pipeline.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>

#include "base/check.hpp"
#include "prune/activities.hpp"
#include "prune/measure.hpp"

namespace sparsecim {
namespace fs = std::filesystem;
namespace {

constexpr const char* kRival = "uniform-rival";  // in the output directory, while it is filled

/// Runs one stage of the pipeline, telling what it is and keeping how long it took.
class Stages {
 public:
  template <class Work>
  auto run(const std::string& name, Work work) {
    fmt::print(stderr, "{} ...\n", name);
    const auto start = std::chrono::steady_clock::now();
    auto result = work();
    stages_.push_back({name, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count()});
    return result;
  }
  std::vector<Stage> take() { return std::move(stages_); }

 private:
  std::vector<Stage> stages_;
};

/// The uniform rival: the N:8 that is as sparse as `plan`, or the next sparser one; 1:8 beyond that. The report says
/// where the sparsities differ.
Result<Plan> uniform_rival(const Plan& plan, const ModelConfig& config) {
  const int kept = std::clamp(static_cast<int>(std::floor(8 * (1 - plan.sparsity()) + 1e-9)), 1, 8);
  const Pattern pattern{kept, 8};
  return select_uniform(dense_plan_of(config), {.sparsity = pattern.sparsity(), .options = {pattern}});
}

/// Every machine in every phase, with the masks and bits that the weights really have and the bits of real activations.
Result<std::vector<HardwareRun>> simulate_all(const Checkpoint& checkpoint, const Llama& llama,
                                              const CodesignJob& job) {
  SC_TRY_ASSIGN(const auto activities, measure_activities(llama, *job.calibration));
  std::vector<HardwareRun> runs;
  for (const WorkloadRequest& phase : job.phases) {
    SC_TRY_ASSIGN(ModelWorkload model, workload_from_checkpoint(checkpoint, job.model, {}, phase));
    SC_TRY(set_activities(model.workload, activities));
    for (const MachineDescription& machine : job.machines) {
      SC_TRY_ASSIGN(Simulation simulation, within(machine.name, simulate(model.workload, machine)));
      runs.push_back({machine.name, model.request, std::move(simulation)});
    }
  }
  return runs;
}

/// A comparison is at equal macros, or it is none.
Result<void> check_equal_macros(const std::vector<HardwareRun>& runs) {
  for (const HardwareRun& run : runs)
    if (run.simulation.macros != runs[0].simulation.macros)
      return fail(Remedy{"set system.macros of both to the same number, or name another --baseline"},
                  "{} has {} macros and {} has {}: they cannot be compared", runs[0].machine, runs[0].simulation.macros,
                  run.machine, run.simulation.macros);
  return {};
}

std::string label_of(Method method, const Plan& plan) {
  std::string text(label(method));
  return method == Method::kUniform ? text + " " + plan.matrices.at(0).pattern.name() : text;
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

/// A pruned model in a directory of its own.
struct Pruned {
  std::string name, label;
  Plan plan;
  std::unique_ptr<Checkpoint> checkpoint;
  Llama model;  // reads the checkpoint's blocks
};

/// What the method says, and the outliers that it saw.
struct Selected {
  Plan plan;
  std::vector<Outliers> blocks;
};

Result<Selected> select(const OpenModel& dense, const CodesignJob& job, Stages& stages) {
  if (!needs_statistics(job.selection.method)) {
    if (job.selection.method == Method::kShuffled) {
      SC_CHECK(job.shuffled.has_value());
      SC_TRY(check_plan(*job.shuffled, dense.checkpoint->config()));
      return Selected{select_shuffled(*job.shuffled, job.seed), {}};
    }
    SC_TRY_ASSIGN(Plan plan, select_uniform(dense_plan_of(dense.checkpoint->config()), job.selection));
    return Selected{std::move(plan), {}};
  }
  SC_TRY_ASSIGN(const Statistics statistics, stages.run("measuring the dense model's outliers", [&] {
    return measure_statistics(dense.llama, *dense.checkpoint, *job.calibration, scope_of(job.selection));
  }));
  SC_TRY_ASSIGN(Plan plan, stages.run("selecting a pattern per layer",
                                      [&] { return select_by_statistics(statistics, job.selection); }));
  SC_TRY_ASSIGN(auto blocks, block_outliers(statistics, job.selection));
  return Selected{std::move(plan), std::move(blocks)};
}

Result<Pruned> prune_into(const fs::path& directory, const OpenModel& dense, Method method, const Plan& plan,
                          const CodesignJob& job) {
  std::error_code error;
  if (!fs::create_directory(directory, error))
    return fail("{}: cannot create: {}", directory.string(), error.message());
  SC_TRY_ASSIGN(auto output, PruneOutput::create(*dense.checkpoint, directory, plan_metadata(plan)));
  SC_TRY(prune(dense.llama, plan, job.importance, job.calibration, output));
  SC_TRY_ASSIGN(auto checkpoint, open_checkpoint(directory));
  SC_TRY_ASSIGN(Llama model, Llama::open(*checkpoint, dense.llama.compute()));
  Pruned made{std::string(name(method)), label_of(method, plan), plan, std::move(checkpoint), std::move(model)};
  made.plan.notes.insert(made.plan.notes.end(), output.notes().begin(), output.notes().end());
  return made;
}

/// The models to hold beside the dense one: the method's own comes last, its uniform rival before it.
Result<std::vector<Pruned>> prune_all(const OpenModel& dense, const Plan& plan, const CodesignJob& job,
                                      const fs::path& directory, Stages& stages) {
  SC_TRY_ASSIGN(const Plan rival, uniform_rival(plan, dense.checkpoint->config()));
  std::vector<Pruned> all;
  const auto add = [&](Method method, const Plan& of, const fs::path& into) -> Result<void> {
    SC_TRY_ASSIGN(Pruned made, stages.run("pruning: " + label_of(method, of),
                                          [&] { return prune_into(into, dense, method, of, job); }));
    all.push_back(std::move(made));
    return {};
  };
  const Method method = job.selection.method;
  if (method != Method::kUniform) SC_TRY(add(Method::kUniform, rival, directory / kRival));
  SC_TRY(add(method, plan, directory / "model"));
  return all;
}

Result<std::vector<Variant>> evaluate_all(const OpenModel& dense, const std::vector<Pruned>& candidates,
                                          const CodesignJob& job) {
  std::vector<const Llama*> models = {&dense.llama};
  for (const Pruned& candidate : candidates) models.push_back(&candidate.model);
  SC_TRY_ASSIGN(const auto qualities, evaluate(models, job.evaluation, *dense.tokenizer, &dense.llama));
  std::vector<Variant> variants = {{"dense", "Dense", dense_plan_of(dense.checkpoint->config()), qualities[0], {}}};
  for (std::size_t i = 0; i < candidates.size(); ++i)
    variants.push_back({candidates[i].name, candidates[i].label, candidates[i].plan, qualities[i + 1], {}});
  return variants;
}

/// The machines on the pruned models; the dense one was simulated first.
Result<void> simulate_pruned(const std::vector<Pruned>& candidates, const CodesignJob& job,
                             std::vector<Variant>& variants) {
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    SC_TRY_ASSIGN(variants[i + 1].hardware, simulate_all(*candidates[i].checkpoint, candidates[i].model, job));
  }
  return {};
}

Result<void> remove_rival(const fs::path& directory) {
  std::error_code error;
  fs::remove_all(directory / kRival, error);
  if (error) return fail("{}: cannot remove: {}", (directory / kRival).string(), error.message());
  return {};
}

}  // namespace

Result<CodesignResult> codesign(const OpenModel& dense, const CodesignJob& job, const fs::path& directory) {
  Stages stages;
  // First, since it is quick and finds out whether the machines can run this model at all.
  SC_TRY_ASSIGN(auto dense_hardware, stages.run("simulating the machines on the dense model",
                                                [&] { return simulate_all(*dense.checkpoint, dense.llama, job); }));
  SC_TRY(check_equal_macros(dense_hardware));
  SC_TRY_ASSIGN(Selected selected, select(dense, job, stages));
  selected.plan.provenance = job.provenance;
  SC_TRY_ASSIGN(const std::vector<Pruned> candidates, prune_all(dense, selected.plan, job, directory, stages));
  SC_TRY_ASSIGN(std::vector<Variant> variants,
                stages.run("evaluating all models side by side", [&] { return evaluate_all(dense, candidates, job); }));
  variants[0].hardware = std::move(dense_hardware);
  SC_TRY(stages.run("simulating the machines on the pruned models",
                    [&] { return simulate_pruned(candidates, job, variants); }));
  SC_TRY(remove_rival(directory));
  return CodesignResult{.variants = std::move(variants),
                        .plan = candidates.back().plan,
                        .blocks = std::move(selected.blocks),
                        .stages = stages.take()};
}

}  // namespace sparsecim
