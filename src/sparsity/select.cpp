#include "sparsity/select.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <random>

#include "base/check.hpp"
#include "sparsity/loss_curve.hpp"
#include "sparsity/program.hpp"

namespace sparsecim {
namespace {

/// What there is to know of a method before it runs.
struct MethodFacts {
  std::string_view name, label;
  Method method;
  bool needs_statistics = false;
};

constexpr MethodFacts kMethods[] = {{"uniform", "Uniform", Method::kUniform},
                                    {"flow", "FLOW", Method::kFlow, true},
                                    {"owl", "OWL", Method::kOwl, true},
                                    {"error-diag", "Diagonal error", Method::kErrorDiag, true},
                                    {"error", "Output error", Method::kError, true},
                                    {"loss", "Measured loss", Method::kLoss, true},
                                    {"shuffled", "Shuffled", Method::kShuffled}};

const MethodFacts& facts_of(Method method) { return *std::ranges::find(kMethods, method, &MethodFacts::method); }

// ---- Uniform ----

/// What is printed as a sparsity is rounded down to this, and can be asked for.
constexpr double kPrintedShare = 1e-4;

/// Of `options` of this sparsity the one of largest M.
std::optional<Pattern> pattern_of_sparsity(std::span<const Pattern> options, double sparsity) {
  std::optional<Pattern> best;
  for (const Pattern& option : options) {
    const double above = option.sparsity() - sparsity;
    if (above > -1e-9 && above < kPrintedShare && (!best || option.m > best->m)) best = option;
  }
  return best;
}

/// "0.50 (4:8, 2:4)" of the options nearest to `sparsity` on one side; empty if there are none.
std::string options_near(std::span<const Pattern> options, double sparsity, bool above) {
  std::optional<double> best;
  for (const Pattern& option : options)
    if ((option.sparsity() > sparsity) == above &&
        (!best || std::abs(option.sparsity() - sparsity) < std::abs(*best - sparsity)))
      best = option.sparsity();
  if (!best) return {};
  std::vector<std::string> names;
  for (const Pattern& option : options)
    if (option.sparsity() == *best) names.push_back(option.name());
  return fmt::format("{} ({})", print_share(*best, 2), fmt::join(names, ", "));
}

tl::unexpected<Error> no_such_pattern(const SelectionRequest& request) {
  const std::string below = options_near(request.options, request.sparsity, false);
  const std::string above = options_near(request.options, request.sparsity, true);
  const char* joint = below.empty() || above.empty() ? "" : " and ";
  return fail(Remedy{"ask for one of these, or choose a pattern per layer with --method flow"},
              "no single pattern of {} has sparsity {}: nearest are {}{}{}", to_string(request.options),
              print_asked(request.sparsity), below, joint, above);
}

// ---- Shuffled ----

bool by_block(const Plan& plan) {
  std::map<std::int64_t, Pattern> patterns;
  return std::ranges::all_of(plan.matrices, [&](const PlannedMatrix& matrix) {
    return patterns.emplace(matrix.block, matrix.pattern).first->second == matrix.pattern;
  });
}

/// Groups of matrices whose patterns move together: blocks or single matrices. Those of equal shapes may change places.
using Movers = std::map<std::vector<std::pair<std::int64_t, std::int64_t>>, std::vector<Layer>>;

Movers movers_of(const Plan& plan, bool blocks) {
  std::map<std::int64_t, Layer> layers;
  for (std::size_t i = 0; i < plan.matrices.size(); ++i)
    layers[blocks ? plan.matrices[i].block : static_cast<std::int64_t>(i)].push_back(i);
  Movers movers;
  for (const auto& [key, layer] : layers) {
    std::vector<std::pair<std::int64_t, std::int64_t>> shapes;
    for (const std::size_t i : layer) shapes.emplace_back(plan.matrices[i].n_out, plan.matrices[i].n_in);
    movers[shapes].push_back(layer);
  }
  return movers;
}

/// Fisher and Yates' shuffle, the same wherever it runs.
void swap_at_random(Plan& plan, const std::vector<Layer>& layers, std::mt19937_64& random) {
  for (std::size_t last = layers.size(); last > 1; --last) {
    const std::size_t other = random() % last;
    for (std::size_t i = 0; i < layers[last - 1].size(); ++i)
      std::swap(plan.matrices[layers[last - 1][i]].pattern, plan.matrices[layers[other][i]].pattern);
  }
}

// ---- By statistics ----

/// By what each option costs each matrix, and not by rules.
bool by_costs(Method method) {
  return method == Method::kErrorDiag || method == Method::kError || method == Method::kLoss;
}

void set_errors(Plan& plan, const std::vector<std::vector<double>>& costs, std::span<const Pattern> options) {
  for (std::size_t i = 0; i < plan.matrices.size(); ++i) {
    const auto option = std::ranges::find(options, plan.matrices[i].pattern);
    if (option != options.end()) plan.matrices[i].error = costs[i][static_cast<std::size_t>(option - options.begin())];
  }
}

/// Costs in which what exceeds the matrix's cost at the reference counts `caution` times.
Result<std::vector<std::vector<double>>> cautious(const Statistics& statistics, std::vector<std::vector<double>> costs,
                                                  double caution) {
  if (caution == 1) return costs;
  const std::array reference = {statistics.scope.losses->reference};
  SC_TRY_ASSIGN(const LossCosts common, loss_costs(statistics, reference));
  for (std::size_t i = 0; i < costs.size(); ++i)
    for (double& cost : costs[i]) cost += (caution - 1) * std::max(0.0, cost - common.nats[i][0]);
  return costs;
}

Result<Plan> select_by_loss(const Statistics& statistics, const std::vector<Outliers>& outliers,
                            const SelectionRequest& request) {
  SC_TRY_ASSIGN(const LossCosts costs, loss_costs(statistics, request.options));
  const double caution = request.caution.value_or(1);
  SC_TRY_ASSIGN(const auto weighed, cautious(statistics, costs.nats, caution));
  SC_TRY_ASSIGN(Plan plan, select_least_cost(dense_plan(statistics, outliers), weighed, request));
  set_errors(plan, costs.nats, request.options);
  plan.notes.push_back(
      fmt::format("losses were measured with all other matrices at {}; a rise above that counts {:g} "
                  "times as much as a fall below it",
                  statistics.scope.losses->reference.name(), caution));
  if (costs.guessed > 0)
    plan.notes.push_back(
        fmt::format("{} of {} matrices change the loss by less than its standard error: taken from "
                    "the others' median",
                    costs.guessed, plan.matrices.size()));
  return plan;
}

Result<Plan> select_by_costs(const Statistics& statistics, const std::vector<Outliers>& outliers,
                             const SelectionRequest& request) {
  if (request.method == Method::kLoss) return select_by_loss(statistics, outliers, request);
  SC_TRY_ASSIGN(const auto costs, request.method == Method::kError ? statistics.errors(request.options)
                                                                   : statistics.dropped(request.options));
  return select_least_cost(dense_plan(statistics, outliers), costs, request);
}

}  // namespace

std::string_view name(Method method) { return facts_of(method).name; }
std::string_view label(Method method) { return facts_of(method).label; }
bool needs_statistics(Method method) { return facts_of(method).needs_statistics; }

Result<Method> parse_method(std::string_view text) {
  std::vector<std::string_view> names;
  for (const MethodFacts& facts : kMethods) {
    if (facts.name == text) return facts.method;
    names.push_back(facts.name);
  }
  return fail(Remedy{fmt::format("use {}", fmt::join(names, ", "))}, "unknown method '{}'", text);
}

std::vector<Pattern> default_options(Method method) {
  if (method == Method::kOwl) return every_n_of(8);
  const auto patterns = by_costs(method) ? hardware_patterns() : default_patterns();
  return {patterns.begin(), patterns.end()};
}

Granularity default_granularity(Method method) { return by_costs(method) ? Granularity::kMatrix : Granularity::kBlock; }

double default_tau(Method method) { return method == Method::kOwl ? 5 : 3; }

Ceiling stored_bytes_ceiling(std::int64_t most) {
  return {.what = "stored bytes",
          .option = "--max-bytes",
          .most = most,
          .units = 8,
          .of = [](const PlannedMatrix& matrix) { return matrix.stored_bits(); },
          .elsewhere = [](const Plan& plan) { return plan.other_weights * kStoredWeightBits; }};
}

StatisticsScope scope_of(const SelectionRequest& request) {
  StatisticsScope scope = StatisticsScope::standard();
  scope.add({request.tau, request.granularity});
  for (const Pattern& option : request.options) scope.add(option);
  if (request.method != Method::kError && request.method != Method::kLoss) return scope;
  for (const Pattern& pattern : hardware_patterns()) scope.add_error(pattern);
  for (const Pattern& pattern : every_n_of(8)) scope.add_error(pattern);
  for (const Pattern& option : request.options) scope.add_error(option);
  if (request.method == Method::kLoss) {
    scope.add_error(request.losses.reference);
    scope.losses = request.losses;
  }
  return scope;
}

Result<Plan> select_by_statistics(const Statistics& statistics, const SelectionRequest& request) {
  SC_CHECK(needs_statistics(request.method));
  SC_TRY_ASSIGN(const auto outliers, statistics.outliers({request.tau, request.granularity}));
  if (by_costs(request.method)) return select_by_costs(statistics, outliers, request);
  if (request.method == Method::kOwl && request.sparsity == 0 && !request.ceilings.empty())
    return fail(Remedy{"ask for --sparsity"}, "owl has no densities to aim at without a sparsity");
  SC_TRY_ASSIGN(Draft draft, make_draft(dense_plan(statistics, outliers), request));
  const auto costs =
      request.method == Method::kFlow ? flow_costs(draft, outliers, request) : owl_costs(draft, outliers, request);
  return solve(std::move(draft), costs, request, Goal::kFewestZeros);
}

Result<Plan> select_least_cost(Plan model, const std::vector<std::vector<double>>& costs,
                               const SelectionRequest& request) {
  SC_CHECK(costs.size() == model.matrices.size());
  SC_TRY_ASSIGN(Draft draft, make_draft(std::move(model), request));
  std::vector<std::vector<double>> sums;
  for (const Layer& layer : draft.layers) {
    auto& sum = sums.emplace_back(request.options.size(), 0.0);
    for (const std::size_t i : layer)
      for (std::size_t o = 0; o < sum.size(); ++o) sum[o] += costs[i][o];
  }
  SC_TRY_ASSIGN(Plan plan, solve(std::move(draft), sums, request, Goal::kLeastCost));
  set_errors(plan, costs, request.options);
  return plan;
}

namespace {

/// The plan with `pattern` wherever nothing is fixed. Errors: a ceiling that it exceeds.
Result<Plan> plan_with(const Draft& draft, Pattern pattern, const SelectionRequest& request) {
  Plan plan = draft.plan;
  plan.method = name(Method::kUniform);
  for (std::size_t i = 0; i < plan.matrices.size(); ++i)
    if (!draft.fixed[i]) plan.matrices[i].pattern = pattern;
  SC_TRY(check_ceilings(plan, request));
  return plan;
}

/// Without a sparsity the ceilings decide: the plan of the least sparse option that keeps them, of several that of
/// largest M.
Result<Plan> densest_within_ceilings(const Draft& draft, const SelectionRequest& request) {
  std::vector<Pattern> options = request.options;
  std::ranges::sort(options, {}, [](const Pattern& option) { return std::pair(option.sparsity(), -option.m); });
  for (const Pattern& option : options)
    if (auto plan = plan_with(draft, option, request)) return plan;
  return plan_with(draft, options.back(), request);
}

std::string why_other_sparsity(const Plan& plan, Pattern pattern, const SelectionRequest& request) {
  if (!request.keep.empty()) return "some matrices are kept as --keep says";
  if (std::abs(plan.sparsity() - pattern.sparsity()) < 1e-9) return fmt::format("that of {}", pattern.name());
  return fmt::format("rows that are no multiple of {} keep more", pattern.m);
}

}  // namespace

Result<Plan> select_uniform(Plan model, const SelectionRequest& request) {
  SC_TRY_ASSIGN(const Draft draft, make_draft(std::move(model), request));
  if (request.sparsity == 0 && !request.ceilings.empty()) return densest_within_ceilings(draft, request);
  const auto pattern = pattern_of_sparsity(request.options, request.sparsity);
  if (!pattern) return no_such_pattern(request);
  SC_TRY_ASSIGN(Plan plan, plan_with(draft, *pattern, request));
  if (std::abs(plan.sparsity() - request.sparsity) > 1e-9)
    plan.notes.push_back(fmt::format("sparsity {:.6f} for {:.6f} asked: {}", plan.sparsity(), request.sparsity,
                                     why_other_sparsity(plan, *pattern, request)));
  return plan;
}

Plan select_shuffled(Plan plan, std::uint64_t seed) {
  const bool blocks = by_block(plan);
  std::mt19937_64 random(seed);
  const std::string of = plan.method;
  const Plan before = plan;
  for (const auto& [shapes, layers] : movers_of(plan, blocks)) swap_at_random(plan, layers, random);
  std::size_t moved = 0;
  for (std::size_t i = 0; i < plan.matrices.size(); ++i) {
    plan.matrices[i].error.reset();
    moved += plan.matrices[i].pattern != before.matrices[i].pattern;
  }
  plan.method = name(Method::kShuffled);
  plan.proof.reset();
  plan.notes = {
      fmt::format("the patterns of a plan by {}, shuffled among {} of equal shapes, seed {}: {} of {} matrices "
                  "got another one",
                  of, blocks ? "blocks" : "matrices", seed, moved, plan.matrices.size())};
  return plan;
}

namespace {

/// Weights of inputs that were always zero score nothing, whatever they are: a note of how many there are.
void add_dead_inputs(const Statistics& statistics, Plan& plan) {
  std::int64_t inputs = 0;
  std::string first;
  for (const InputStatistics& input : statistics.inputs) {
    const auto dead = std::ranges::count(input.mean_squares, 0.0F);
    if (dead > 0 && first.empty()) first = fmt::format("{} of {}", dead, input.name);
    inputs += dead;
  }
  if (inputs > 0)
    plan.notes.push_back(fmt::format("{} inputs were always zero in calibration ({}{}): their weights have no score",
                                     inputs, first, first.starts_with(fmt::format("{} of", inputs)) ? "" : ", ..."));
}

}  // namespace

Plan dense_plan(const Statistics& statistics, const std::vector<Outliers>& outliers) {
  SC_CHECK(outliers.size() == statistics.matrices.size());
  Plan plan;
  plan.method = "dense";
  plan.other_weights = statistics.other_weights;
  for (std::size_t i = 0; i < outliers.size(); ++i) {
    const MatrixStatistics& matrix = statistics.matrices[i];
    plan.matrices.push_back({.name = matrix.name,
                             .block = matrix.block,
                             .n_out = matrix.n_out,
                             .n_in = matrix.n_in,
                             .outlier_share = outliers[i].share(),
                             .outlier_distribution = outliers[i].distribution,
                             .outlier_crowding = outliers[i].crowding});
  }
  add_dead_inputs(statistics, plan);
  return plan;
}

}  // namespace sparsecim
