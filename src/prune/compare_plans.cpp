#include "prune/compare_plans.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "base/progress.hpp"
#include "prune/block_states.hpp"
#include "prune/losses.hpp"
#include "prune/masked.hpp"

namespace sparsecim {
namespace {

/// At the last one no fall pays for a rise: the reference everywhere, where the budget allows it.
constexpr std::array kCautions = {1.0, 2.0, 4.0, 8.0, 1000.0};
/// Tokens that plans are compared on for one that losses were measured on. A comparison takes a pass for each plan, a
/// measurement hundreds.
constexpr std::int64_t kComparedPerMeasured = 4;
/// Rows of logits held at once, as in evaluation.
constexpr std::int64_t kComparedRows = 256;

/// What the model makes of all tokens, in front of the head, with every matrix as `plan` has it, or dense.
Result<std::vector<at::Tensor>> final_states(const Llama& model, const std::vector<at::Tensor>& batches,
                                             const Statistics& statistics, const Plan* plan, Progress& progress) {
  std::vector<at::Tensor> states;
  for (const at::Tensor& batch : batches) states.push_back(model.embed(batch));
  for (std::int64_t b = 0; b < model.n_blocks(); ++b) {
    SC_TRY_ASSIGN(DecoderBlock block, model.block(b));
    for (std::size_t i = 0; plan != nullptr && i < block.linears.size(); ++i) {
      const std::size_t index = static_cast<std::size_t>(b) * block.linears.size() + i;
      SC_TRY_ASSIGN(block.linears[i], masked(block.linears[i], statistics, index, plan->matrices[index].pattern));
    }
    SC_TRY(run_block(model, block, states));
    progress.advance(1);
  }
  return states;
}

/// Sum over the tokens of the divergence of `pruned` from `dense`, hidden states [samples, tokens, hidden].
double summed_divergence(const Llama& model, const at::Tensor& dense, const at::Tensor& pruned) {
  const at::Tensor expected = dense.flatten(0, 1), found = pruned.flatten(0, 1);
  double sum = 0;
  for (std::int64_t begin = 0; begin < expected.size(0); begin += kComparedRows) {
    const std::int64_t rows = std::min(kComparedRows, expected.size(0) - begin);
    const at::Tensor log_p = at::log_softmax(model.logits(expected.narrow(0, begin, rows)).to(at::kFloat), -1);
    const at::Tensor log_q = at::log_softmax(model.logits(found.narrow(0, begin, rows)).to(at::kFloat), -1);
    sum += (log_p.exp() * (log_p - log_q)).sum(at::kDouble).item<double>();
  }
  return sum;
}

std::int64_t count_tokens(const std::vector<at::Tensor>& batches) {
  std::int64_t tokens = 0;
  for (const at::Tensor& batch : batches) tokens += batch.numel();
  return tokens;
}

/// The plans of all cautions, each once.
Result<std::vector<Plan>> candidates(const Statistics& statistics, SelectionRequest request) {
  std::vector<Plan> plans;
  for (const double caution : kCautions) {
    request.caution = caution;
    SC_TRY_ASSIGN(Plan plan, select_by_statistics(statistics, request));
    if (std::ranges::none_of(plans, [&](const Plan& other) { return same_patterns(plan, other); }))
      plans.push_back(std::move(plan));
  }
  return plans;
}

}  // namespace

Result<Plan> select_measured(const Llama& model, const Calibration& calibration, const Statistics& statistics,
                             const SelectionRequest& request) {
  if (request.method != Method::kLoss || request.caution) return select_by_statistics(statistics, request);
  SC_TRY_ASSIGN(std::vector<Plan> plans, candidates(statistics, request));
  if (plans.size() == 1) return std::move(plans[0]);
  LossTokens tokens = split_tokens(calibration, statistics.scope.losses->tokens, kComparedPerMeasured);
  const bool others = !tokens.compared.empty();
  const auto& batches = others ? tokens.compared : tokens.measured;
  SC_TRY_ASSIGN(const auto found, divergences(model, batches, statistics, plans, calibration.processes));
  Plan& best = plans[static_cast<std::size_t>(std::ranges::min_element(found) - found.begin())];
  best.notes.push_back(fmt::format(
      "of {} plans by growing caution the nearest to the dense model, over {} {}: {:.4f} nats", plans.size(),
      count_tokens(batches), others ? "other tokens" : "tokens, the first of the calibration", fmt::join(found, ", ")));
  return std::move(best);
}

Result<std::vector<double>> divergences(const Llama& model, const std::vector<at::Tensor>& batches,
                                        const Statistics& statistics, std::span<const Plan> plans,
                                        Processes* processes) {
  return guarded([&]() -> Result<std::vector<double>> {
    const std::vector<std::size_t> own = own_pieces(plans.size(), processes);
    Progress progress("comparing plans", model.n_blocks() * (std::ssize(own) + 1), "blocks");
    SC_TRY_ASSIGN(const auto dense, final_states(model, batches, statistics, nullptr, progress));
    at::Tensor means = at::zeros({std::ssize(plans)}, at::kDouble);
    for (const std::size_t p : own) {
      SC_TRY_ASSIGN(const auto pruned, final_states(model, batches, statistics, &plans[p], progress));
      double sum = 0;
      for (std::size_t i = 0; i < dense.size(); ++i) sum += summed_divergence(model, dense[i], pruned[i]);
      if (!std::isfinite(sum)) return fail("the loss is not finite: the model's weights are broken");
      means[static_cast<std::int64_t>(p)] = sum / static_cast<double>(count_tokens(batches));
    }
    if (processes) {
      SC_TRY_ASSIGN(means, processes->sum("divergences", means));
    }
    const auto* data = means.const_data_ptr<double>();
    return std::vector<double>(data, data + means.numel());
  });
}

}  // namespace sparsecim
