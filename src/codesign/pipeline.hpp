#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "codesign/pareto.hpp"
#include "evaluate/perplexity.hpp"
#include "hardware/simulate.hpp"
#include "model/open.hpp"
#include "prune/prune.hpp"
#include "sparsity/select.hpp"
#include "workload/decode_ceilings.hpp"
#include "workload/model_workload.hpp"

namespace sparsecim {

/// Which plans are pruned, evaluated and simulated beside the one that is asked for.
struct ParetoRequest {
  std::vector<double> sparsities;
  std::vector<SelectionRequest> methods;  // that choose from statistics, each at every sparsity; uniform comes always
};

/// One job: everything that decides what comes out.
struct CodesignJob {
  std::string model;  // its name, for people
  SelectionRequest selection;
  DecodeBudget decode = {};      // on the first machine, of the plan as a whole; `selection` has its ceilings
  std::optional<Plan> shuffled;  // the plan that Method::kShuffled shuffles, by `seed`
  std::uint64_t seed = 0;
  Importance importance = Importance::kWanda;
  const Calibration* calibration = nullptr;
  std::vector<Sequence> evaluation;
  std::vector<MachineDescription> machines;  // the one designed for, then those it is compared with
  std::vector<WorkloadRequest> phases;       // prefill, decode
  std::optional<ParetoRequest> pareto;       // none: only the plan that is asked for
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

/// The dense model with its weights rounded: what pruning competes with.
struct Baseline {
  std::string name, label;  // "dense-int8", "Dense int8"
  std::optional<int> bits;  // of its weights, in groups that share a scale; none: 8-bit weights and activations
  std::int64_t stored_bytes = 0;
  Evaluation quality;
};

struct Stage {
  std::string name;
  double seconds;
};

struct CodesignResult {
  std::vector<Variant> variants;    // dense; uniform, the rival at the same or the next N:8 sparsity; the method's own,
                                    // unless it is uniform
  std::vector<Baseline> baselines;  // 8-bit integers, where the dense model computes in float32 on the CPU; 4 bits;
                                    // for the Pareto front also the widths next to the method's stored bytes
  std::vector<DesignPoint> points;  // of the Pareto front, where it is asked for
  std::size_t subject = 0;          // the method's own among them
  std::vector<std::string> notes;   // what of the front could not be had
  Plan plan;                        // the method's
  std::vector<Outliers> blocks;     // of each decoder block; empty where nothing was measured
  std::vector<Stage> stages;
};

/// Measures the dense model, selects, prunes, evaluates and simulates. `dense` is left as it is. The sparse checkpoint
/// becomes `directory`/model, that of others lies beside it while it is needed. Memory: one decoder block at a time,
/// and hidden states. Errors: those of the stages; interrupted.
Result<CodesignResult> codesign(const OpenModel& dense, const CodesignJob& job, const std::filesystem::path& directory);

}  // namespace sparsecim
