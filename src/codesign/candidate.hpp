#pragma once

// What a pruned model goes through, whether it is the one that is asked for or one that it is compared with.

#include <chrono>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "codesign/pipeline.hpp"

namespace sparsecim {

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

/// A pruned model in a directory of its own.
struct Pruned {
  std::string name, label;
  Plan plan;
  std::unique_ptr<Checkpoint> checkpoint;
  Llama model;  // reads the checkpoint's blocks
};

/// Prunes `dense` by `plan`, which `method` made, into `directory`, which is created.
Result<Pruned> prune_into(const std::filesystem::path& directory, const OpenModel& dense, Method method,
                          const Plan& plan, const CodesignJob& job);
/// Errors: what is in `directory` cannot be removed.
Result<void> remove_pruned(const std::filesystem::path& directory);

/// The plan of one pattern for all matrices.
Result<Plan> uniform_plan_of(Pattern pattern, const ModelConfig& config);
/// The N:8 that is as sparse as `sparsity`, or the next sparser one; 1:8 beyond that.
Pattern uniform_pattern_at(double sparsity);

/// Every one of `machines` in every one of `phases`, with the masks and bits that the weights really have and the bits
/// of real activations.
Result<std::vector<HardwareRun>> simulate_model(const Checkpoint& checkpoint, const Llama& llama,
                                                const CodesignJob& job, std::span<const MachineDescription> machines,
                                                std::span<const WorkloadRequest> phases);

}  // namespace sparsecim
