#include "prune/prune.hpp"

#include <algorithm>

#include "base/interrupt.hpp"
#include "base/progress.hpp"
#include "prune/sparsegpt.hpp"
#include "sparsity/mask.hpp"
#include "sparsity/statistics.hpp"

namespace sparsecim {
namespace {

/// The patterns of one block, in the order of block_linears.
using BlockPatterns = std::array<Pattern, 7>;

Result<std::vector<BlockPatterns>> patterns_of(const Plan& plan, const ModelConfig& config) {
  const auto linears = block_linears(config);
  std::vector<BlockPatterns> patterns(static_cast<std::size_t>(config.n_layers));
  const auto expected = patterns.size() * linears.size();
  if (plan.matrices.size() != expected)
    return fail(Remedy{"make a plan for this model with 'sparsecim select'"},
                "the plan has {} matrices, the model {}: it is a plan of another model", plan.matrices.size(),
                expected);
  for (std::int64_t block = 0; block < config.n_layers; ++block) {
    for (std::size_t i = 0; i < linears.size(); ++i) {
      const std::string name = matrix_name(block, linears[i].name);
      const PlannedMatrix* matrix = plan.find(name);
      if (matrix == nullptr || matrix->n_out != linears[i].n_out || matrix->n_in != linears[i].n_in)
        return fail(Remedy{"make a plan for this model with 'sparsecim select'"},
                    "the plan has no '{}' of shape [{}, {}]: it is a plan of another model", name, linears[i].n_out,
                    linears[i].n_in);
      patterns[static_cast<std::size_t>(block)][i] = matrix->pattern;
    }
  }
  return patterns;
}

/// What is known of a block's inputs: of those that the importance asks for.
struct BlockInputs {
  InputMoments moments;
  InputGrams grams;
};

/// One matrix pruned, whatever its type and device: the mask is made on float32 on the CPU.
Result<at::Tensor> masked(const at::Tensor& weight, std::span<const float> column_norms, Pattern pattern) {
  at::Tensor values = weight.to(at::kCPU, at::kFloat, false, /*copy=*/true).contiguous();
  const std::span<float> all(values.data_ptr<float>(), static_cast<std::size_t>(values.numel()));
  SC_TRY(apply_nm(all, weight.size(1), column_norms, pattern));
  return values.to(weight.device(), weight.scalar_type());
}

/// ||X_j||_2 of each column, up to the factor sqrt(tokens) that changes no ranking.
Result<std::vector<float>> column_norms(const InputMoments& moments, LinearInput input) {
  SC_TRY_ASSIGN(auto mean_squares, moments.mean_squares(input));
  return InputStatistics{.name = {}, .mean_squares = std::move(mean_squares)}.column_norms();
}

Result<at::Tensor> updated(const at::Tensor& weight, const at::Tensor& gram, Pattern pattern, const std::string& name,
                           PruneOutput& output) {
  SC_TRY_ASSIGN(const SparseGptResult result, prune_by_sparsegpt(weight, gram, pattern));
  if (result.dead_columns > 0) output.note(fmt::format("{}: {} inputs were always zero", name, result.dead_columns));
  if (result.damping > kSparseGptDamping)
    output.note(fmt::format("{}: the Hessian's damping had to be {:g}", name, result.damping));
  return result.weight.to(weight.scalar_type());
}

Result<at::Tensor> pruned_matrix(const at::Tensor& weight, LinearInput input, Pattern pattern, Importance importance,
                                 const BlockInputs& inputs, const std::string& name, PruneOutput& output) {
  if (importance == Importance::kSparseGpt) return updated(weight, inputs.grams.mean(input), pattern, name, output);
  std::vector<float> norms;  // empty: magnitude
  if (importance == Importance::kWanda) {
    SC_TRY_ASSIGN(norms, column_norms(inputs.moments, input));
  }
  return masked(weight, norms, pattern);
}

Result<void> prune_block(DecoderBlock& block, std::int64_t index, const BlockPatterns& patterns, Importance importance,
                         const BlockInputs& inputs, const ModelConfig& config, PruneOutput& output) {
  const auto linears = block_linears(config);
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    if (patterns[i].dense()) continue;
    const std::string name = matrix_name(index, linears[i].name);
    SC_TRY_ASSIGN(block.linears[i], within(name, pruned_matrix(block.linears[i], kInputOfLinear[i], patterns[i],
                                                               importance, inputs, name, output)));
  }
  return {};
}

bool all_dense(const BlockPatterns& patterns) { return std::ranges::all_of(patterns, &Pattern::dense); }

/// Runs every batch through the block, only to observe its inputs.
Result<BlockInputs> observe_block(const Llama& model, const DecoderBlock& block, const std::vector<at::Tensor>& states,
                                  Importance importance) {
  BlockInputs inputs;
  const InputObserver observe = [&](LinearInput input, const at::Tensor& x) {
    importance == Importance::kSparseGpt ? inputs.grams.add(input, x) : inputs.moments.add(input, x);
  };
  for (const at::Tensor& state : states) {
    SC_TRY(check_interrupt());
    model.forward_block(block, state, nullptr, observe);
  }
  return inputs;
}

/// Takes every batch through the block.
Result<void> run_block(const Llama& model, const DecoderBlock& block, std::vector<at::Tensor>& states) {
  for (at::Tensor& state : states) {
    SC_TRY(check_interrupt());
    state = model.forward_block(block, state);
  }
  return {};
}

/// The hidden states of every batch in front of the first block that `output` does not have.
std::vector<at::Tensor> first_states(const Llama& model, const Calibration& calibration, PruneOutput& output) {
  std::vector<at::Tensor> states = output.take_states();
  for (at::Tensor& state : states) state = state.to(model.compute().device);
  if (states.empty())
    for (const at::Tensor& batch : calibration.batches) states.push_back(model.embed(batch));
  return states;
}

/// Block after block; without a calibration (by magnitude) nothing runs.
Result<void> prune_blocks(const Llama& model, const std::vector<BlockPatterns>& patterns, Importance importance,
                          const Calibration* calibration, PruneOutput& output) {
  std::vector<at::Tensor> states;
  if (calibration) states = first_states(model, *calibration, output);
  Progress progress("pruning", model.n_blocks(), "blocks");
  progress.skip(output.finished_blocks());
  for (std::int64_t i = output.finished_blocks(); i < model.n_blocks(); ++i) {
    SC_TRY(check_interrupt());
    const BlockPatterns& wanted = patterns[static_cast<std::size_t>(i)];
    SC_TRY_ASSIGN(DecoderBlock block, model.block(i));
    if (!all_dense(wanted)) {
      SC_TRY_ASSIGN(const BlockInputs inputs, observe_block(model, block, states, importance));
      SC_TRY(prune_block(block, i, wanted, importance, inputs, model.config(), output));
    }
    SC_TRY(output.write(block, importance == Importance::kSparseGpt ? Change::kValues : Change::kZeros));
    if (i + 1 < model.n_blocks()) SC_TRY(run_block(model, block, states));
    SC_TRY(output.save(states));
    progress.advance(1);
  }
  return {};
}

}  // namespace

Result<Importance> parse_importance(const std::string& name) {
  if (name == "magnitude") return Importance::kMagnitude;
  if (name == "wanda") return Importance::kWanda;
  if (name == "sparsegpt") return Importance::kSparseGpt;
  return fail(Remedy{"use wanda, sparsegpt or magnitude"}, "unknown importance '{}'", name);
}

Result<void> prune(const Llama& model, const Plan& plan, Importance importance, const Calibration* calibration,
                   PruneOutput& output) {
  SC_TRY_ASSIGN(const auto patterns, patterns_of(plan, model.config()));
  const bool measures = importance != Importance::kMagnitude;
  if (measures && calibration == nullptr)
    return fail(Remedy{"give a --text"}, "only magnitude needs no calibration text");
  SC_TRY(guarded([&] { return prune_blocks(model, patterns, importance, measures ? calibration : nullptr, output); }));
  return output.commit();
}

}  // namespace sparsecim
