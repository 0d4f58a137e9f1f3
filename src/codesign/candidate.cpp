#include "codesign/candidate.hpp"

#include <algorithm>
#include <cmath>

#include "prune/activities.hpp"
#include "prune/measure.hpp"

namespace sparsecim {
namespace fs = std::filesystem;
namespace {

std::string label_of(Method method, const Plan& plan) {
  std::string text(label(method));
  return method == Method::kUniform ? text + " " + plan.matrices.at(0).pattern.name() : text;
}

}  // namespace

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

Result<void> remove_pruned(const fs::path& directory) {
  std::error_code error;
  fs::remove_all(directory, error);
  if (error) return fail("{}: cannot remove: {}", directory.string(), error.message());
  return {};
}

Result<Plan> uniform_plan_of(Pattern pattern, const ModelConfig& config) {
  return select_uniform(dense_plan_of(config), {.sparsity = pattern.sparsity(), .options = {pattern}});
}

Pattern uniform_pattern_at(double sparsity) {
  return {std::clamp(static_cast<int>(std::floor(8 * (1 - sparsity) + 1e-9)), 1, 8), 8};
}

Result<std::vector<HardwareRun>> simulate_model(const Checkpoint& checkpoint, const Llama& llama,
                                                const CodesignJob& job, std::span<const MachineDescription> machines,
                                                std::span<const WorkloadRequest> phases) {
  SC_TRY_ASSIGN(const auto activities, measure_activities(llama, *job.calibration));
  std::vector<HardwareRun> runs;
  for (const WorkloadRequest& phase : phases) {
    SC_TRY_ASSIGN(ModelWorkload model, workload_from_checkpoint(checkpoint, job.model, {}, phase));
    SC_TRY(set_activities(model.workload, activities));
    for (const MachineDescription& machine : machines) {
      SC_TRY_ASSIGN(Simulation simulation, within(machine.name, simulate(model.workload, machine)));
      runs.push_back({machine.name, model.request, std::move(simulation)});
    }
  }
  return runs;
}

}  // namespace sparsecim
