#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "evaluate/perplexity.hpp"
#include "hardware/simulate.hpp"
#include "model/open.hpp"
#include "prune/prune.hpp"
#include "sparsity/select.hpp"
#include "workload/model_workload.hpp"

namespace sparsecim {

/// One job: everything that decides what comes out.
struct CodesignJob {
  std::string model;  // its name, for people
  SelectionRequest selection;
  std::optional<Plan> shuffled;  // the plan that Method::kShuffled shuffles, by `seed`
  std::uint64_t seed = 0;
  Importance importance = Importance::kWanda;
  const Calibration* calibration = nullptr;
  std::vector<Sequence> evaluation;
  std::vector<MachineDescription> machines;  // the one designed for, then those it is compared with
  std::vector<WorkloadRequest> phases;       // prefill, decode
  Json provenance;                           // what the plan and the record carry
};

/// A machine running a variant in one phase.
struct HardwareRun {
  std::string machine;
  WorkloadRequest work;  // as it was resolved
  Simulation simulation;
};

/// One of the models that are held side by side.
struct Variant {
  std::string name, label;  // "flow", "FLOW"
  Plan plan;                // dense patterns for the dense model
  Evaluation quality;
  std::vector<HardwareRun> hardware;
};

struct Stage {
  std::string name;
  double seconds;
};

struct CodesignResult {
  std::vector<Variant> variants;  // dense; uniform, the rival at the same or the next N:8 sparsity; the method's own,
                                  // unless it is uniform
  Plan plan;                      // the method's
  std::vector<Outliers> blocks;   // of each decoder block; empty where nothing was measured
  std::vector<Stage> stages;
};

/// Measures the dense model, selects, prunes, evaluates and simulates. `dense` is left as it is. The sparse checkpoint
/// becomes `directory`/model, the rival's lies beside it while it is needed. Memory: one decoder block at a time, and
/// hidden states. Errors: those of the stages; interrupted.
Result<CodesignResult> codesign(const OpenModel& dense, const CodesignJob& job, const std::filesystem::path& directory);

}  // namespace sparsecim
