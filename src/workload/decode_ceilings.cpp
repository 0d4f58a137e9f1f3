#include "workload/decode_ceilings.hpp"

#include <fmt/ranges.h>

#include <chrono>
#include <cmath>
#include <map>
#include <memory>
#include <string>

#include "base/check.hpp"
#include "base/interrupt.hpp"
#include "workload/model_workload.hpp"

namespace sparsecim {
namespace {

constexpr std::int64_t kPicosecondsPerNs = 1000, kPicojoulesPerNj = 1000;
constexpr const char *kLatencyOption = "--max-decode-ns", *kEnergyOption = "--max-decode-nj";
constexpr int kAttempts = 8;  // what neighbours share is below a hundredth of the whole

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
  return {.what = std::move(what),
          .option = std::move(option),
          .most = most,
          .units = units,
          .of = of,
          .elsewhere = elsewhere};
}

/// What a plan takes of what one bound asks for, in the bound's units; all upwards.
struct Use {
  const char* option;
  std::int64_t most, taken;
};

std::vector<Use> uses_of(const DecodeBudget& budget, const DecodeCost& cost) {
  std::vector<Use> uses;
  if (budget.most_ns) uses.push_back({kLatencyOption, *budget.most_ns, whole(cost.latency_ns)});
  if (budget.most_nj) uses.push_back({kEnergyOption, *budget.most_nj, whole(cost.energy_pj / kPicojoulesPerNj)});
  return uses;
}

/// Keeps as much free of the ceilings as the plan exceeds the bounds by. Gives whether it keeps them all.
bool lower_ceilings(const std::vector<Use>& uses, std::vector<Ceiling>& ceilings) {
  bool kept = true;
  for (const Use& use : uses) {
    if (use.taken <= use.most) continue;
    kept = false;
    for (Ceiling& ceiling : ceilings)
      if (ceiling.option == use.option) ceiling.reserve += use.taken - use.most;
  }
  return kept;
}

std::string takes(const DecodeCost& cost, const MachineDescription& machine) {
  return fmt::format("decoding a token takes {:.0f} ns and {:.0f} nJ on {}", cost.latency_ns,
                     cost.energy_pj / kPicojoulesPerNj, machine.name);
}

tl::unexpected<Error> exceeded(const std::vector<Use>& uses, const DecodeCost& cost,
                               const MachineDescription& machine) {
  std::vector<std::string> retries;
  for (const Use& use : uses)
    if (use.taken > use.most) retries.push_back(fmt::format("{} {}", use.option, use.taken));
  return unmet(fail(Remedy{fmt::format("ask for {}", fmt::join(retries, " and "))},
                    "no plan was found that keeps the bounds as a whole: with the nearest one {}",
                    takes(cost, machine)));
}

using Select = std::function<Result<Plan>(const SelectionRequest&)>;

/// A model on a machine for which plans are selected.
class Selection {
 public:
  Selection(const ModelShapes& shapes, const MachineDescription& machine, const Select& select)
      : shapes_(shapes), machine_(machine), select_(select) {}

  /// What select_within gives.
  Result<Plan> within(const DecodeBudget& budget, SelectionRequest request) const {
    SC_TRY_ASSIGN(Plan plan, select_(request));
    for (int attempt = 1;; ++attempt) {
      SC_TRY_ASSIGN(const DecodeCost cost, decode_cost(shapes_, plan, machine_, budget));
      const std::vector<Use> uses = uses_of(budget, cost);
      if (lower_ceilings(uses, request.ceilings)) {
        plan.notes.push_back(fmt::format("simulated as a whole, {}", takes(cost, machine_)));
        return plan;
      }
      auto next = select_(request);
      if (!next && !next.error().unmet) return next;
      if (!next || attempt == kAttempts) return exceeded(uses, cost, machine_);
      plan = std::move(*next);
    }
  }

  /// The least value of one decode bound at which there is a plan, the rest as asked; none where there is none at
  /// kMostRaise times what was asked for. REQUIRES: there is no plan at the value asked for. Errors: it cannot be told
  /// within kSearchTime; interrupted; select's.
  Result<std::optional<std::int64_t>> least(std::optional<std::int64_t> DecodeBudget::* bound, const char* option,
                                            DecodeBudget budget, SelectionRequest request) const {
    request.caution = request.caution.value_or(1);  // what can be met does not depend on it
    request.time_limit_s = std::min(request.time_limit_s, kTrialSeconds);
    const auto start = std::chrono::steady_clock::now();
    const auto found = [&](std::int64_t most) -> Result<bool> {
      SC_TRY(check_interrupt());
      if (std::chrono::steady_clock::now() - start > kSearchTime) return fail("no time is left");
      budget.*bound = most;
      for (Ceiling& ceiling : request.ceilings)
        if (ceiling.option == option) ceiling.most = most;
      const auto plan = within(budget, request);
      if (!plan && !plan.error().unmet) return tl::unexpected(plan.error());
      return plan.has_value();
    };
    const std::int64_t asked = *(budget.*bound);
    if (asked > kMostAsked) return std::nullopt;  // it binds nothing: what is unmet is another bound
    std::int64_t low = asked, high = asked + 1;
    for (;;) {
      SC_TRY_ASSIGN(const bool there, found(high));
      if (there) break;
      if (high / kMostRaise >= asked) return std::nullopt;
      low = std::exchange(high, asked + 4 * (high - asked));
    }
    while (high - low > 1) {
      const std::int64_t middle = low + (high - low) / 2;
      SC_TRY_ASSIGN(const bool there, found(middle));
      (there ? high : low) = middle;
    }
    return high;
  }

 private:
  static constexpr std::int64_t kMostRaise = 100;
  static constexpr std::int64_t kMostAsked = INT64_MAX / (8 * kMostRaise);  // 4 * kMostRaise times it fits
  static constexpr double kTrialSeconds = 2;
  static constexpr std::chrono::seconds kSearchTime{20};

  const ModelShapes& shapes_;
  const MachineDescription& machine_;
  const Select& select_;
};

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
  add("ns", kLatencyOption, budget.most_ns, kPicosecondsPerNs, taken.latency_ps);
  add("nJ", kEnergyOption, budget.most_nj, kPicojoulesPerNj, taken.energy_pj);
  return ceilings;
}

Result<Plan> select_within(const ModelShapes& shapes, const MachineDescription& machine, const DecodeBudget& budget,
                           const SelectionRequest& request, const Select& select) {
  if (!budget.most_ns && !budget.most_nj) return select(request);
  const Selection selection(shapes, machine, select);
  auto plan = selection.within(budget, request);
  if (plan || !plan.error().unmet) return plan;
  // What the sums over the matrices say of the nearest values is not what a plan as a whole takes.
  std::vector<std::string> retries;
  for (const auto& [bound, option] :
       {std::pair(&DecodeBudget::most_ns, kLatencyOption), std::pair(&DecodeBudget::most_nj, kEnergyOption)}) {
    if (!(budget.*bound)) continue;
    const auto least = selection.least(bound, option, budget, request);
    SC_TRY(check_interrupt());
    if (!least) return plan;  // what is said already has to do
    if (*least) retries.push_back(fmt::format("{} {}", option, **least));
  }
  if (!retries.empty()) plan.error().remedy = fmt::format("ask for {}", fmt::join(retries, " or "));
  return plan;
}

}  // namespace sparsecim
