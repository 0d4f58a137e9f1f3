#include "sparsity/program.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include "sparsity/fields.hpp"
#include "sparsity/integer_program.hpp"

namespace sparsecim {
namespace {

Result<void> check_request(const SelectionRequest& request) {
  if (!(request.sparsity >= 0 && request.sparsity < 1)) return fail("sparsity {} is outside 0 .. 1", request.sparsity);
  if (request.options.empty()) return fail("there is no pattern to choose from");
  if (request.options.size() > kMostChoices)
    return fail(Remedy{"name fewer"}, "there are {} patterns to choose from, more than {}", request.options.size(),
                kMostChoices);
  if (!(request.alpha >= 0 && request.beta >= 0 && std::isfinite(request.alpha + request.beta)))
    return fail("alpha {} and beta {} must be numbers that are not negative", request.alpha, request.beta);
  if (!(request.lambda >= 0 && std::isfinite(request.lambda)))
    return fail("lambda {} must be a number that is not negative", request.lambda);
  return {};
}

// ---- Layers ----

/// Matrices of one block stand together, whatever their order in the plan. Those that are left out are in none.
std::vector<Layer> layers_of(const Plan& plan, Granularity granularity, const std::vector<bool>& left_out) {
  std::vector<Layer> layers;
  for (std::size_t i = 0; i < plan.matrices.size(); ++i) {
    if (left_out[i]) continue;
    const auto same_block = [&](const Layer& layer) {
      return plan.matrices[layer.front()].block == plan.matrices[i].block;
    };
    auto found = layers.end();
    if (granularity == Granularity::kBlock) found = std::ranges::find_if(layers, same_block);
    if (found == layers.end()) found = layers.insert(layers.end(), Layer());
    found->push_back(i);
  }
  return layers;
}

std::int64_t weights_of(const Plan& plan, const Layer& layer) {
  std::int64_t weights = 0;
  for (const std::size_t i : layer) weights += plan.matrices[i].weights();
  return weights;
}

/// What a zero adds to the budget, in whole units such that shares add up exactly: one by weights; by layers what makes
/// each layer, its fixed matrices included, worth their least common multiple.
Result<void> weigh(Draft& draft, const SelectionRequest& request) {
  const Plan& plan = draft.plan;
  draft.weight.assign(plan.matrices.size(), 1);
  draft.total = plan.weights();
  if (request.budget == Budget::kWeights) return {};
  const auto layers = layers_of(plan, request.granularity, std::vector<bool>(plan.matrices.size()));
  std::int64_t worth = 1;
  for (const Layer& layer : layers) {
    const std::int64_t weights = weights_of(plan, layer);
    if (__builtin_mul_overflow(worth / std::gcd(worth, weights), weights, &worth) ||
        worth > kMostWeights / std::ssize(layers))
      return fail(Remedy{"weigh layers by their weights"}, "the layers' sizes have no common measure");
  }
  for (const Layer& layer : layers)
    for (const std::size_t i : layer) draft.weight[i] = worth / weights_of(plan, layer);
  draft.total = worth * std::ssize(layers);
  return {};
}

// ---- Budgets ----

/// A budget as what the layers must gain together: zeros, or what they leave of the most that they could take of
/// something.
struct Bound {
  Demand demand;                     // gains[layer][option]
  const Ceiling* ceiling = nullptr;  // none: sparsity
  double base = 0, scale = 1;        // the budget's value is base + scale * gain, a ceiling's reserve included

  double value(std::int64_t gain) const { return base + scale * static_cast<double>(gain); }
};

std::int64_t gain_of(const Demand& demand, const std::vector<std::size_t>& chosen) {
  std::int64_t gain = 0;
  for (std::size_t layer = 0; layer < chosen.size(); ++layer) gain += demand.gains[layer][chosen[layer]];
  return gain;
}

std::int64_t reach_of(const Demand& demand) {
  std::int64_t reach = 0;
  for (const auto& layer : demand.gains) reach += std::ranges::max(layer);
  return reach;
}

Bound sparsity_bound(const Draft& draft, const SelectionRequest& request) {
  Bound bound;
  for (const Layer& layer : draft.layers) {
    auto& gains = bound.demand.gains.emplace_back();
    for (const Pattern& option : request.options) {
      gains.push_back(0);
      for (const std::size_t i : layer) gains.back() += draft.zeros(i, option);
    }
  }
  bound.demand.needed = units_for(request.sparsity, draft.total) - draft.fixed_zeros();
  bound.base = static_cast<double>(draft.fixed_zeros()) / static_cast<double>(draft.total);
  bound.scale = 1 / static_cast<double>(draft.total);
  return bound;
}

/// What a layer with `option` takes of the ceiling.
std::int64_t taken(const Ceiling& ceiling, const Plan& plan, const Layer& layer, Pattern option) {
  std::int64_t sum = 0;
  for (const std::size_t i : layer) {
    PlannedMatrix matrix = plan.matrices[i];
    matrix.pattern = option;
    sum += ceiling.of(matrix);
  }
  return sum;
}

std::int64_t taken_by_fixed(const Ceiling& ceiling, const Draft& draft) {
  std::int64_t sum = ceiling.elsewhere ? ceiling.elsewhere(draft.plan) : 0;
  for (std::size_t i = 0; i < draft.fixed.size(); ++i)
    if (draft.fixed[i]) sum += ceiling.of(draft.plan.matrices[i]);
  return sum;
}

Bound ceiling_bound(const Ceiling& ceiling, const Draft& draft, const SelectionRequest& request) {
  Bound bound{.demand = {}, .ceiling = &ceiling};
  std::int64_t most = taken_by_fixed(ceiling, draft);
  for (const Layer& layer : draft.layers) {
    std::vector<std::int64_t> gains;
    for (const Pattern& option : request.options) gains.push_back(taken(ceiling, draft.plan, layer, option));
    const std::int64_t largest = std::ranges::max(gains);
    for (std::int64_t& gain : gains) gain = largest - gain;
    bound.demand.gains.push_back(std::move(gains));
    most += largest;
  }
  const std::int64_t allowed = (std::min(ceiling.most, kMostWeights) - ceiling.reserve) * ceiling.units;
  bound.demand.needed = most - allowed;
  bound.base = static_cast<double>(most) / static_cast<double>(ceiling.units) + static_cast<double>(ceiling.reserve);
  bound.scale = -1 / static_cast<double>(ceiling.units);
  return bound;
}

/// Sparsity first. Where there are ceilings, a sparsity of 0 binds nothing.
std::vector<Bound> bounds_of(const Draft& draft, const SelectionRequest& request) {
  std::vector<Bound> bounds;
  if (request.sparsity > 0 || request.ceilings.empty()) bounds.push_back(sparsity_bound(draft, request));
  for (const Ceiling& ceiling : request.ceilings) bounds.push_back(ceiling_bound(ceiling, draft, request));
  return bounds;
}

// ---- What cannot be met ----

/// The hardware's patterns that are sparser than all options and sparse enough, those that overshoot least:
/// "add 2:8 or 1:4, or ".
std::string sparser_patterns(const SelectionRequest& request) {
  double at_least = request.sparsity;
  for (const Pattern& option : request.options) at_least = std::max(at_least, std::nextafter(option.sparsity(), 1.0));
  std::vector<Pattern> sparser;
  for (const Pattern& pattern : hardware_patterns())
    if (pattern.sparsity() >= at_least) sparser.push_back(pattern);
  if (sparser.empty()) return {};
  const double least = std::ranges::min(sparser, {}, &Pattern::sparsity).sparsity();
  std::erase_if(sparser, [&](const Pattern& pattern) { return pattern.sparsity() > least; });
  std::ranges::sort(sparser, std::greater<>(), &Pattern::m);
  std::vector<std::string> names;
  for (const Pattern& pattern : sparser) names.push_back(pattern.name());
  return fmt::format("add {}, or ", fmt::join(names, " or "));
}

std::int64_t round_up(double value) { return static_cast<std::int64_t>(std::ceil(value - 1e-6)); }

/// "at most 0.50", "at least 123456".
std::string best_of(const Bound& bound, std::int64_t gain, int decimals) {
  if (bound.ceiling) return fmt::format("at least {}", round_up(bound.value(gain)));
  return fmt::format("at most {}", print_share(bound.value(gain), decimals));
}

std::string asked_of(const Bound& bound, const SelectionRequest& request) {
  if (bound.ceiling) return fmt::format("at most {} {}", bound.ceiling->most, bound.ceiling->what);
  return fmt::format("sparsity {}", print_asked(request.sparsity));
}

/// "ask for --sparsity 0.5".
std::string retry_of(const Bound& bound, std::int64_t gain) {
  if (bound.ceiling) return fmt::format("{} {}", bound.ceiling->option, round_up(bound.value(gain)));
  return fmt::format("--sparsity {}", print_share(bound.value(gain), 1));
}

Result<void> check_reach(const Bound& bound, const SelectionRequest& request) {
  const std::int64_t reach = reach_of(bound.demand);
  if (reach >= bound.demand.needed) return {};
  const std::string add = bound.ceiling ? "" : sparser_patterns(request);
  return unmet(fail(Remedy{fmt::format("{}ask for {}", add, retry_of(bound, reach))}, "{} cannot be met with {}{}: {}",
                    asked_of(bound, request), to_string(request.options),
                    request.keep.empty() ? "" : " where --keep leaves a choice", best_of(bound, reach, 2)));
}

/// The most that can be gained of one bound while the others hold.
Result<std::optional<std::int64_t>> most_gain(std::span<const Bound> bounds, std::size_t of, double time_limit_s) {
  Costs missing;
  for (const auto& layer : bounds[of].demand.gains) {
    auto& costs = missing.emplace_back();
    for (const std::int64_t gain : layer) costs.push_back(static_cast<double>(std::ranges::max(layer) - gain));
  }
  std::vector<Demand> others;
  for (std::size_t b = 0; b < bounds.size(); ++b)
    if (b != of) others.push_back(bounds[b].demand);
  SC_TRY_ASSIGN(const auto solution, solve_integer_program(missing, others, time_limit_s));
  return solution ? std::optional(gain_of(bounds[of].demand, solution->chosen)) : std::nullopt;
}

/// Each can be met, but not all together: how far each one gets while the others hold.
tl::unexpected<Error> not_together(std::span<const Bound> bounds, const SelectionRequest& request) {
  std::vector<std::string> asked, best, retries;
  for (std::size_t b = 0; b < bounds.size(); ++b) {
    asked.push_back(asked_of(bounds[b], request));
    const auto gain = most_gain(bounds, b, request.time_limit_s);
    if (!gain || !*gain) continue;
    best.push_back(fmt::format("{}{} {}", bounds[b].ceiling ? "" : "sparsity ", best_of(bounds[b], **gain, 2),
                               bounds[b].ceiling ? bounds[b].ceiling->what : ""));
    retries.push_back(retry_of(bounds[b], **gain));
    if (best.back().ends_with(' ')) best.back().pop_back();
  }
  return unmet(fail(Remedy{retries.empty() ? "ask for less" : fmt::format("ask for {}", fmt::join(retries, " or "))},
                    "{} cannot be met together with {}{}{}", fmt::join(asked, " and "), to_string(request.options),
                    best.empty() ? "" : ": with the rest as asked, ", fmt::join(best, ", or ")));
}

// ---- Solving ----

struct Solved {
  std::vector<std::size_t> chosen;
  Proof proof;
};

Result<Solved> solve_several(std::span<const Bound> bounds, const Costs& costs, const SelectionRequest& request) {
  std::vector<Demand> demands;
  for (const Bound& bound : bounds) demands.push_back(bound.demand);
  SC_TRY_ASSIGN(const std::string solver, integer_solver());
  SC_TRY_ASSIGN(const auto solution, solve_integer_program(costs, demands, request.time_limit_s));
  if (!solution) return not_together(bounds, request);
  return Solved{solution->chosen, {solver, solution->cost, solution->gap}};
}

/// By the dynamic program. Where only the cost counts, CBC takes what has too many sums for its table: picoseconds have
/// no common measure.
Result<Solved> solve_one(const Bound& bound, const Costs& costs, const SelectionRequest& request, Goal goal) {
  if (bound.ceiling) goal = Goal::kLeastCost;
  std::vector<std::vector<Choice>> choices(costs.size());
  for (std::size_t l = 0; l < costs.size(); ++l)
    for (std::size_t o = 0; o < costs[l].size(); ++o)
      choices[l].push_back({request.options[o], bound.demand.gains[l][o], costs[l][o]});
  auto allocation = allocate(choices, bound.demand.needed, goal);
  if (!allocation && goal == Goal::kLeastCost) return solve_several({&bound, 1}, costs, request);
  if (!allocation) return tl::unexpected(std::move(allocation).error());
  return Solved{std::move(allocation->chosen), {"exact dynamic program", allocation->cost, 0}};
}

/// Costs come from files and are added up.
Result<void> check_costs(const Costs& costs) {
  double sum = 0;
  for (const auto& layer : costs) sum = std::accumulate(layer.begin(), layer.end(), sum);
  if (std::isfinite(sum)) return {};
  return fail(Remedy{"measure the statistics again, in another --statistics file"},
              "what the patterns cost is not finite");
}

/// What came of each budget.
std::string note_of(const Bound& bound, std::int64_t gain, const SelectionRequest& request, bool exact) {
  const double value = bound.value(gain);
  if (bound.ceiling)
    return fmt::format("{} {} of at most {}", round_up(value), bound.ceiling->what, bound.ceiling->most);
  const std::string why = exact ? fmt::format("the least that {} can reach at or above it", to_string(request.options))
                                : "at the least cost at or above it";
  return fmt::format("sparsity {:.6f} for {:.6f} asked, slack {:.6f}: {}{}", value, request.sparsity,
                     std::max(0.0, value - request.sparsity), why,
                     request.budget == Budget::kLayers ? ", every layer weighing the same" : "");
}

}  // namespace

std::string print_share(double share, int decimals) {
  std::string text = fmt::format("{:.4f}", std::floor(share * 1e4 + 1e-6) / 1e4);
  while (text.ends_with('0') && text.size() > 2 + static_cast<std::size_t>(decimals)) text.pop_back();
  return text;
}

std::string print_asked(double share) {
  const std::string text = print_share(share, 2);
  return std::stod(text) == share ? text : fmt::format("{:g}", share);
}

std::int64_t units_for(double sparsity, std::int64_t total) {
  return static_cast<std::int64_t>(std::ceil(sparsity * static_cast<double>(total) * (1 - 1e-12)));
}

std::int64_t Draft::zeros(std::size_t matrix, Pattern pattern) const {
  const PlannedMatrix& of = plan.matrices[matrix];
  return weight[matrix] * of.n_out * (of.n_in - kept_per_row(pattern, of.n_in));
}

std::int64_t Draft::fixed_zeros() const {
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < fixed.size(); ++i)
    if (fixed[i]) sum += zeros(i, plan.matrices[i].pattern);
  return sum;
}

Result<Draft> make_draft(Plan model, const SelectionRequest& request) {
  SC_TRY(check_request(request));
  Draft draft{.plan = std::move(model)};
  for (PlannedMatrix& matrix : draft.plan.matrices) matrix.pattern = {};
  SC_TRY_ASSIGN(draft.fixed, fix(draft.plan, request.keep));
  draft.plan.method = name(request.method);
  draft.plan.requested_sparsity = request.sparsity;
  draft.layers = layers_of(draft.plan, request.granularity, draft.fixed);
  SC_TRY(weigh(draft, request));
  return draft;
}

Result<Plan> solve(Draft draft, const Costs& costs, const SelectionRequest& request, Goal goal) {
  SC_TRY(check_costs(costs));
  const std::vector<Bound> bounds = bounds_of(draft, request);
  for (const Bound& bound : bounds) SC_TRY(check_reach(bound, request));
  const bool one = bounds.size() == 1 || draft.layers.empty();  // nothing to choose: any will do
  SC_TRY_ASSIGN(Solved solved,
                one ? solve_one(bounds[0], costs, request, goal) : solve_several(bounds, costs, request));
  Plan& plan = draft.plan;
  for (std::size_t l = 0; l < draft.layers.size(); ++l)
    for (const std::size_t i : draft.layers[l]) plan.matrices[i].pattern = request.options[solved.chosen[l]];
  plan.proof = std::move(solved.proof);
  std::vector<std::string> notes;
  for (const Bound& bound : bounds)
    notes.push_back(note_of(bound, gain_of(bound.demand, solved.chosen), request, one && goal == Goal::kFewestZeros));
  plan.notes.insert(plan.notes.begin(), notes.begin(), notes.end());
  return std::move(draft.plan);
}

Result<void> check_ceilings(const Plan& plan, const SelectionRequest& request) {
  for (const Ceiling& ceiling : request.ceilings) {
    std::int64_t sum = ceiling.elsewhere ? ceiling.elsewhere(plan) : 0;
    for (const PlannedMatrix& matrix : plan.matrices) sum += ceiling.of(matrix);
    const std::int64_t least =
        round_up(static_cast<double>(sum) / static_cast<double>(ceiling.units)) + ceiling.reserve;
    if (least > ceiling.most)
      return unmet(fail(
          Remedy{fmt::format("ask for {} {}, or choose a pattern per layer with --method flow", ceiling.option, least)},
          "the plan takes {} {}, more than {}", least, ceiling.what, ceiling.most));
  }
  return {};
}

Normalised min_max(std::vector<double> values) {
  if (values.empty()) return {};
  const auto [low, high] = std::ranges::minmax(values);
  const bool equal = low == high;
  for (double& value : values) value = equal ? 0.5 : (value - low) / (high - low);
  return {std::move(values), equal};
}

std::vector<Outliers> outliers_of_layers(const Draft& draft, const std::vector<Outliers>& outliers) {
  std::vector<Outliers> combined;
  for (const Layer& layer : draft.layers) {
    std::vector<Outliers> matrices;
    for (const std::size_t i : layer) matrices.push_back(outliers[i]);
    combined.push_back(combine(matrices));
  }
  return combined;
}

}  // namespace sparsecim
