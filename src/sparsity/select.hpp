#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "sparsity/keep.hpp"
#include "sparsity/pattern.hpp"
#include "sparsity/plan.hpp"
#include "sparsity/statistics.hpp"

namespace sparsecim {

/// How patterns are chosen.
enum class Method {
  kUniform,    // one for all
  kFlow,       // by outliers: how many, and how they are spread (arXiv 2504.14365)
  kOwl,        // by how many outliers a layer has (arXiv 2310.05175)
  kErrorDiag,  // least sum of squared scores that are dropped
  kError,      // least sum of output errors
  kLoss,       // least rise of the loss, measured matrix by matrix
  kShuffled,   // another plan's, at random places: a control
};
/// "uniform", "flow", "owl", "error-diag", "error", "loss", "shuffled".
std::string_view name(Method method);
/// As a report names it: "FLOW".
std::string_view label(Method method);
/// Errors: anything but those names.
Result<Method> parse_method(std::string_view text);
/// Whether it chooses from the statistics of the dense model.
bool needs_statistics(Method method);
/// What a method chooses from unless told otherwise, the layer it chooses for, and its threshold of outliers.
std::vector<Pattern> default_options(Method method);
Granularity default_granularity(Method method);
double default_tau(Method method);

/// How ND becomes ND' in 0 .. 1: stretched over the layers as the authors of FLOW do, or held against chance, which
/// is 1.
enum class Distribution { kMinMax, kChance };
/// FLOW's M grows with how clustered a layer's outliers are, 1 - ND'; or with ND', the inverse, which is a control.
enum class MRule { kClustered, kInverse };
/// What a layer weighs in the budget: its weights, or the same as any other.
enum class Budget { kWeights, kLayers };

/// A budget beside sparsity: the most that the model may take of something that its patterns decide.
struct Ceiling {
  std::string what;       // "stored bytes"
  std::string option;     // "--max-bytes", for messages
  std::int64_t most = 0;  // in `units` of what is counted
  std::int64_t units = 1;
  std::int64_t reserve = 0;  // of `most`: what is kept free for what the sum over the matrices leaves out
  std::function<std::int64_t(const PlannedMatrix&)> of;     // >= 0, by the matrix and its pattern
  std::function<std::int64_t(const Plan&)> elsewhere = {};  // >= 0, whatever the patterns; empty: 0
};
/// PlannedMatrix::stored_bits of all matrices, and the weights outside them: Plan::stored_bytes() <= most.
Ceiling stored_bytes_ceiling(std::int64_t most);

/// What is asked of a selection. Sparsity is over the matrices that are planned: those of the decoder blocks.
struct SelectionRequest {
  Method method = Method::kFlow;
  double sparsity = 0.5;  // at least; 0: the ceilings alone
  std::vector<Pattern> options{default_patterns().begin(), default_patterns().end()};
  Granularity granularity = Granularity::kBlock;
  double tau = 3;
  Distribution distribution = Distribution::kMinMax;
  MRule m_rule = MRule::kClustered;
  Budget budget = Budget::kWeights;
  std::vector<FixedChoice> keep;  // beforehand; they count in every budget, and in no layer's rules
  std::vector<Ceiling> ceilings;
  double time_limit_s = 60;    // of the integer solver
  double alpha = 1, beta = 4;  // weights of FLOW's two rules (the authors' published code)
  LossScope losses;            // how losses are measured, where there are none yet
  // loss: how many times as much a rise above what a matrix costs at the reference counts as a fall below it, 1 or
  // more; none: select_measured (prune/compare_plans.hpp) tries several, select_by_statistics takes 1
  std::optional<double> caution = {};
  double lambda = 0.08;  // OWL: densities differ by at most this much from the mean (its section 4)
};

/// What of the dense model must be measured so that `request` can be met, beside the standard scope.
StatisticsScope scope_of(const SelectionRequest& request);

/// By request.method, one that needs statistics. Every plan is proven to be the best one: by dynamic programming for
/// one budget (sparsity/allocate.hpp; ties as there); for several, or for one with more different sums than fit into a
/// table, by CBC to within its gap (sparsity/integer_program.hpp).
///
/// FLOW: N grows with the share of outliers, M with how clustered they are. Every layer l takes one pattern n:m (dense
/// is 8:8) such that
///     sum over l of alpha * |n - O'_l * 8| + beta * |m - (1 - ND'_l) * 8|
/// is least among the plans of the smallest reachable sparsity that is at least the one asked for (with ceilings: among
/// all plans within them). Zeros are counted as the masks make them, shorter last groups included. O' is O min-max over
/// the layers, ND' as `distribution` says; both are 0.5 for all where all are equal.
///
/// OWL: a layer wants the density d_l = 2 * lambda * minmax(D)_l - mean(.) + (1 - S), D its share of outliers, the mean
/// by what layers weigh in the budget. In N:8 form it takes the pattern such that
///     sum over l of (8 * n/m - 8 * d_l)^2
/// is least at the smallest reachable sparsity that is at least S. For layers of equal size this is what rounding 8 *
/// d_l and then the least costly single steps to the exact mean give.
///
/// error-diag, error, loss: at a sparsity of at least S the least sum over the matrices of dropped_shares
/// (sparsity/dropped.hpp), of their relative output errors, of loss_costs (sparsity/loss_curve.hpp). Losses are
/// measured one matrix at a time, and a plan that changes many is worse than their sum: rises add up to more, and the
/// cheapest of many noisy numbers are those that chance made small. `caution` is the remedy.
///
/// Errors: a budget that the options cannot meet, which one and the nearest values; statistics that lack something.
Result<Plan> select_by_statistics(const Statistics& statistics, const SelectionRequest& request);

/// The least sum of costs[matrix][option], in the order of `model` and of request.options, within all budgets. `model`
/// is a plan whose patterns are overwritten.
Result<Plan> select_least_cost(Plan model, const std::vector<std::vector<double>>& costs,
                               const SelectionRequest& request);

/// The same pattern everywhere but where `keep` says otherwise: that of the options whose 1 - N/M is the sparsity asked
/// for, to four decimals; of several the one of largest M, which never keeps less of the total score. Where ceilings
/// alone are asked for, the least sparse option that keeps them. `model` is a plan whose patterns are overwritten.
/// Errors: no option of that sparsity, with the nearest ones; a ceiling that it exceeds.
Result<Plan> select_uniform(Plan model, const SelectionRequest& request);

/// The patterns of `plan` at random among its matrices of equal shapes, or, where each of its blocks has one pattern,
/// among blocks of equal shapes: the same sparsity and bytes without the method's choice of places.
Plan select_shuffled(Plan plan, std::uint64_t seed);

/// A plan of dense patterns with the matrices of `statistics` and their `outliers`.
Plan dense_plan(const Statistics& statistics, const std::vector<Outliers>& outliers);

}  // namespace sparsecim
