#include "workload/decode_ceilings.hpp"

#include <cmath>
#include <map>
#include <memory>
#include <string>

#include "base/check.hpp"
#include "workload/model_workload.hpp"

namespace sparsecim {
namespace {

constexpr std::int64_t kPicosecondsPerNs = 1000, kPicojoulesPerNj = 1000;

/// By operation, with one pattern everywhere, in ps and pJ.
using Taken = std::map<std::string, std::int64_t, std::less<>>;
struct TakenOnMachine {
  std::map<Pattern, Taken> latency_ps, energy_pj;
};

Result<Simulation> decode(const ModelShapes& shapes, const SparsityRequest& sparsity, const MachineDescription& machine,
                          const DecodeBudget& budget) {
  const WorkloadRequest request{.phase = Phase::kDecode, .tokens = 1, .context = budget.context};
  SC_TRY_ASSIGN(const ModelWorkload model, workload_from_shapes(shapes, sparsity, request));
  return within(machine.name, simulate(model.workload, machine));
}

/// Upwards: a sum of them is never less than it is.
std::int64_t whole(double value) { return static_cast<std::int64_t>(std::ceil(value)); }

Result<void> add_pattern(const ModelShapes& shapes, Pattern pattern, const MachineDescription& machine,
                         const DecodeBudget& budget, TakenOnMachine& taken) {
  if (taken.latency_ps.contains(pattern)) return {};
  SC_TRY_ASSIGN(const Simulation simulation, decode(shapes, {.pattern = pattern}, machine, budget));
  for (const SimulatedOperation& operation : simulation.operations) {
    taken.latency_ps[pattern][operation.name] += whole(operation.latency_ns * kPicosecondsPerNs);
    taken.energy_pj[pattern][operation.name] += whole(operation.energy_pj.nominal);
  }
  return {};
}

/// What of a dense run belongs to no matrix of the plan: attention, head.
std::int64_t taken_elsewhere(const Taken& dense, const Plan& plan) {
  std::int64_t sum = 0;
  for (const auto& [operation, value] : dense)
    if (plan.find(operation) == nullptr) sum += value;
  return sum;
}

Ceiling ceiling_of(std::string what, std::string option, std::int64_t most, std::int64_t units,
                   const std::shared_ptr<const std::map<Pattern, Taken>>& taken) {
  const auto of = [taken](const PlannedMatrix& matrix) {
    const Pattern pattern = matrix.pattern.dense() ? Pattern{} : matrix.pattern;
    const auto found = taken->at(pattern).find(matrix.name);
    return found == taken->at(pattern).end() ? 0 : found->second;
  };
  const auto elsewhere = [taken](const Plan& plan) { return taken_elsewhere(taken->at(Pattern{}), plan); };
  return {std::move(what), std::move(option), most, units, of, elsewhere};
}

}  // namespace

Result<DecodeCost> decode_cost(const ModelShapes& shapes, const Plan& plan, const MachineDescription& machine,
                               const DecodeBudget& budget) {
  SC_TRY_ASSIGN(const Simulation simulation, decode(shapes, {.plan = plan}, machine, budget));
  return DecodeCost{simulation.latency_ns, simulation.energy_pj.nominal};
}

Result<std::vector<Ceiling>> decode_ceilings(const ModelShapes& shapes, std::span<const Pattern> patterns,
                                             const MachineDescription& machine, const DecodeBudget& budget) {
  TakenOnMachine taken;
  SC_TRY(add_pattern(shapes, {}, machine, budget, taken));
  for (const Pattern& pattern : patterns) SC_TRY(add_pattern(shapes, pattern, machine, budget, taken));
  std::vector<Ceiling> ceilings;
  const auto add = [&](const char* what, const char* option, std::optional<std::int64_t> most, std::int64_t units,
                       std::map<Pattern, Taken>& by_pattern) {
    if (most)
      ceilings.push_back(ceiling_of(fmt::format("{} of decoding a token on {}", what, machine.name), option, *most,
                                    units, std::make_shared<const std::map<Pattern, Taken>>(by_pattern)));
  };
  add("ns", "--max-decode-ns", budget.most_ns, kPicosecondsPerNs, taken.latency_ps);
  add("nJ", "--max-decode-nj", budget.most_nj, kPicojoulesPerNj, taken.energy_pj);
  return ceilings;
}

}  // namespace sparsecim
