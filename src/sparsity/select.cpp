#include "sparsity/select.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include "sparsity/allocate.hpp"
#include "sparsity/fields.hpp"

namespace sparsecim {
namespace {

/// A layer to choose a pattern for: indices of its matrices in the plan.
using Layer = std::vector<std::size_t>;

/// Matrices of one block stand together, whatever their order in the plan.
std::vector<Layer> layers_of(const Plan& plan, Granularity granularity) {
  std::vector<Layer> layers;
  for (std::size_t i = 0; i < plan.matrices.size(); ++i) {
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

/// At most four decimals and at least `decimals`, rounded down: what is printed as reachable can be asked for.
std::string print_share(double share, int decimals) {
  std::string text = fmt::format("{:.4f}", std::floor(share * 1e4 + 1e-6) / 1e4);
  while (text.ends_with('0') && text.size() > 2 + static_cast<std::size_t>(decimals)) text.pop_back();
  return text;
}

Result<void> check_request(const SelectionRequest& request) {
  if (!(request.sparsity >= 0 && request.sparsity < 1)) return fail("sparsity {} is outside 0 .. 1", request.sparsity);
  if (request.options.empty()) return fail("there is no pattern to choose from");
  if (!(request.alpha >= 0 && request.beta >= 0 && std::isfinite(request.alpha + request.beta)))
    return fail("alpha {} and beta {} must be numbers that are not negative", request.alpha, request.beta);
  return {};
}

// ---- Uniform ----

/// Of `options` of exactly this sparsity the one of largest M.
std::optional<Pattern> pattern_of_sparsity(std::span<const Pattern> options, double sparsity) {
  std::optional<Pattern> best;
  for (const Pattern& option : options)
    if (std::abs(option.sparsity() - sparsity) < 1e-9 && (!best || option.m > best->m)) best = option;
  return best;
}

/// "0.50 (4:8, 2:4)" of the options nearest to `sparsity` on one side; empty if there are none.
std::string nearest(std::span<const Pattern> options, double sparsity, bool above) {
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
  const std::string below = nearest(request.options, request.sparsity, false);
  const std::string above = nearest(request.options, request.sparsity, true);
  const char* joint = below.empty() || above.empty() ? "" : " and ";
  return fail(Remedy{"ask for one of these, or choose a pattern per layer with --method flow"},
              "no single pattern of {} has sparsity {}: nearest are {}{}{}", to_string(request.options),
              print_share(request.sparsity, 2), below, joint, above);
}

// ---- FLOW ----

struct Normalised {
  std::vector<double> values;
  bool equal = false;  // nothing to tell the layers apart by: 0.5 for all
};

Normalised min_max(std::vector<double> values) {
  const auto [low, high] = std::ranges::minmax(values);
  const bool equal = low == high;
  for (double& value : values) value = equal ? 0.5 : (value - low) / (high - low);
  return {std::move(values), equal};
}

Normalised against_chance(std::vector<double> values) {
  for (double& value : values) value = std::clamp(value, 0.0, 1.0);
  return {std::move(values), false};
}

/// O' and ND' of every layer.
struct Rules {
  std::vector<double> presence, distribution;
  std::vector<std::string> notes;
};

Rules rules_of(const Statistics& statistics, std::span<const Layer> layers, Distribution distribution) {
  std::vector<double> shares, distances;
  int lonely = 0;
  for (const Layer& layer : layers) {
    std::vector<Outliers> outliers;
    for (const std::size_t i : layer) outliers.push_back(statistics.matrices[i].outliers);
    const Outliers all = combine(outliers);
    shares.push_back(all.share());
    distances.push_back(all.distribution);
    lonely += all.count < 2;
  }
  const Normalised presence = min_max(std::move(shares));
  const Normalised distance =
      distribution == Distribution::kMinMax ? min_max(std::move(distances)) : against_chance(std::move(distances));
  Rules rules{presence.values, distance.values, {}};
  if (presence.equal) rules.notes.push_back("every layer has the same share of outliers: O' is 0.5 for all");
  if (distance.equal) rules.notes.push_back("every layer has the same outlier distribution: ND' is 0.5 for all");
  if (lonely > 0)
    rules.notes.push_back(
        fmt::format("{} of {} layers have fewer than two outliers: ND is 1 there", lonely, layers.size()));
  return rules;
}

/// The objective of one layer.
double flow_cost(Pattern pattern, double presence, double distribution, const SelectionRequest& request) {
  if (pattern.dense()) pattern = Pattern{8, 8};
  return request.alpha * std::abs(pattern.n - presence * 8) +
         request.beta * std::abs(pattern.m - (1 - distribution) * 8);
}

// ---- The budget ----

/// Zeros in whole units, such that shares of zeros add up exactly. By weights a unit is one weight; by layers it is
/// the largest share that divides every layer's.
struct Ledger {
  std::vector<std::int64_t> units_per_zero;  // by layer
  std::int64_t total = 0;                    // units of a model of zeros
};

std::int64_t weights_of(const Plan& plan, const Layer& layer) {
  std::int64_t weights = 0;
  for (const std::size_t i : layer) weights += plan.matrices[i].weights();
  return weights;
}

Result<Ledger> ledger_of(const Plan& plan, std::span<const Layer> layers, Budget budget) {
  if (budget == Budget::kWeights) return Ledger{std::vector<std::int64_t>(layers.size(), 1), plan.weights()};
  std::int64_t unit = 1;  // least common multiple of the layers' weights: a layer of zeros is worth that much
  for (const Layer& layer : layers) {
    const std::int64_t weights = weights_of(plan, layer);
    if (__builtin_mul_overflow(unit / std::gcd(unit, weights), weights, &unit) ||
        unit > kMostWeights / static_cast<std::int64_t>(layers.size()))
      return fail(Remedy{"weigh layers by their weights"}, "the layers' sizes have no common measure");
  }
  Ledger ledger{{}, unit * static_cast<std::int64_t>(layers.size())};
  for (const Layer& layer : layers) ledger.units_per_zero.push_back(unit / weights_of(plan, layer));
  return ledger;
}

std::int64_t zeros_of(const Plan& plan, const Layer& layer, Pattern pattern) {
  std::int64_t zeros = 0;
  for (const std::size_t i : layer) {
    const PlannedMatrix& matrix = plan.matrices[i];
    zeros += matrix.n_out * (matrix.n_in - kept_per_row(pattern, matrix.n_in));
  }
  return zeros;
}

/// The least whole number of units that is the share `sparsity` of `total`, or more; to one part in 10^12, because
/// decimal fractions are not exact in binary.
std::int64_t units_for(double sparsity, std::int64_t total) {
  return static_cast<std::int64_t>(std::ceil(sparsity * static_cast<double>(total) * (1 - 1e-12)));
}

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

Result<void> check_reach(std::span<const std::vector<Choice>> choices, const Ledger& ledger,
                         const SelectionRequest& request) {
  std::int64_t reach = 0;
  for (const auto& layer : choices) reach += std::ranges::max(layer, {}, &Choice::zeros).zeros;
  if (reach >= units_for(request.sparsity, ledger.total)) return {};
  const double most = static_cast<double>(reach) / static_cast<double>(ledger.total);
  return fail(Remedy{fmt::format("{}ask for --sparsity {}", sparser_patterns(request), print_share(most, 1))},
              "sparsity {} cannot be met with {}: at most {}", print_share(request.sparsity, 2),
              to_string(request.options), print_share(most, 2));
}

std::string slack_note(std::int64_t units, const Ledger& ledger, const SelectionRequest& request) {
  const double reached = static_cast<double>(units) / static_cast<double>(ledger.total);
  return fmt::format("sparsity {:.6f} for {:.6f} asked, slack {:.6f}: the least that {} can reach at or above it{}",
                     reached, request.sparsity, std::max(0.0, reached - request.sparsity), to_string(request.options),
                     request.budget == Budget::kLayers ? ", every layer weighing the same" : "");
}

/// Solves the selection program for given layers and rules, and writes the patterns into `plan`.
Result<void> assign(Plan& plan, std::span<const Layer> layers, const Rules& rules, const SelectionRequest& request) {
  SC_TRY_ASSIGN(const Ledger ledger, ledger_of(plan, layers, request.budget));
  std::vector<std::vector<Choice>> choices(layers.size());
  for (std::size_t l = 0; l < layers.size(); ++l)
    for (const Pattern& option : request.options)
      choices[l].push_back({option, zeros_of(plan, layers[l], option) * ledger.units_per_zero[l],
                            flow_cost(option, rules.presence[l], rules.distribution[l], request)});
  SC_TRY(check_reach(choices, ledger, request));
  SC_TRY_ASSIGN(const Allocation allocation, allocate(choices, units_for(request.sparsity, ledger.total)));
  for (std::size_t l = 0; l < layers.size(); ++l)
    for (const std::size_t i : layers[l]) plan.matrices[i].pattern = request.options[allocation.chosen[l]];
  plan.notes.push_back(slack_note(allocation.zeros, ledger, request));
  return {};
}

}  // namespace

Result<Plan> select_uniform(Plan model, const SelectionRequest& request) {
  SC_TRY(check_request(request));
  const auto pattern = pattern_of_sparsity(request.options, request.sparsity);
  if (!pattern) return no_such_pattern(request);
  model.method = "uniform";
  model.requested_sparsity = request.sparsity;
  for (PlannedMatrix& matrix : model.matrices) matrix.pattern = *pattern;
  if (std::abs(model.sparsity() - request.sparsity) > 1e-9)
    model.notes.push_back(fmt::format("sparsity {:.6f} for {:.6f} asked: rows that are no multiple of {} keep more",
                                      model.sparsity(), request.sparsity, pattern->m));
  return model;
}

Result<Plan> select_flow(const Statistics& statistics, const SelectionRequest& request) {
  SC_TRY(check_request(request));
  if (statistics.granularity != request.granularity)
    return fail(Remedy{"count the outliers again, or choose by the same"},
                "outliers were counted by {}, but patterns are to be chosen by {}", name(statistics.granularity),
                name(request.granularity));
  Plan plan = dense_plan(statistics);
  plan.method = "flow";
  plan.requested_sparsity = request.sparsity;
  const std::vector<Layer> layers = layers_of(plan, request.granularity);
  const Rules rules = rules_of(statistics, layers, request.distribution);
  SC_TRY(assign(plan, layers, rules, request));
  plan.notes.insert(plan.notes.end(), rules.notes.begin(), rules.notes.end());
  return plan;
}

Plan dense_plan(const Statistics& statistics) {
  Plan plan;
  plan.method = "dense";
  plan.other_weights = statistics.other_weights;
  for (const MatrixStatistics& matrix : statistics.matrices)
    plan.matrices.push_back({.name = matrix.name,
                             .block = matrix.block,
                             .n_out = matrix.n_out,
                             .n_in = matrix.n_in,
                             .outlier_share = matrix.outliers.share(),
                             .outlier_distribution = matrix.outliers.distribution});
  return plan;
}

}  // namespace sparsecim
