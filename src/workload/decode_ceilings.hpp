#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "base/result.hpp"
#include "hardware/simulate.hpp"
#include "sparsity/select.hpp"
#include "workload/shapes.hpp"

namespace sparsecim {

/// The most that decoding one token may take on a machine, behind `context` tokens.
struct DecodeBudget {
  std::optional<std::int64_t> most_ns, most_nj;  // latency; nominal energy, leakage included
  std::optional<std::int64_t> context = {};      // none: workload_from_shapes' own
};

/// What one token takes on `machine` with the patterns of `plan`, or all dense.
struct DecodeCost {
  double latency_ns = 0, energy_pj = 0;
};
Result<DecodeCost> decode_cost(const ModelShapes& shapes, const Plan& plan, const MachineDescription& machine,
                               const DecodeBudget& budget);

/// `budget` as ceilings for selection. What a matrix takes with a pattern is read off a simulation of the whole model
/// with that pattern everywhere; attention and head are those of the dense model. On machines whose operations follow
/// one another these add up to the mixed plan's own simulation but for what neighbours share (a loaded weight memory,
/// the last macros of a wave): who needs the bound to hold selects by select_within.
/// `patterns` are all that a plan may hold. Errors: the simulation's.
Result<std::vector<Ceiling>> decode_ceilings(const ModelShapes& shapes, std::span<const Pattern> patterns,
                                             const MachineDescription& machine, const DecodeBudget& budget);

/// The plan that `select` makes of `request`, among whose ceilings are those of `budget`; again with lower ceilings
/// while the plan as a whole, simulated, takes more than the budget. A note says what it takes. Errors: select's, or no
/// plan found that keeps the budget; with the least values of each decode bound at which there is one.
Result<Plan> select_within(const ModelShapes& shapes, const MachineDescription& machine, const DecodeBudget& budget,
                           const SelectionRequest& request,
                           const std::function<Result<Plan>(const SelectionRequest&)>& select);

}  // namespace sparsecim
