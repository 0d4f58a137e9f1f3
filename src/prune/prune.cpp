#include "prune/prune.hpp"

#include <algorithm>
#include <map>
#include <optional>

#include "base/interrupt.hpp"
#include "base/progress.hpp"
#include "prune/block_states.hpp"
#include "prune/masked.hpp"
#include "prune/sparsegpt.hpp"
#include "sparsity/statistics.hpp"

namespace sparsecim {
namespace {

/// The patterns of one block, in the order of block_linears.
using BlockPatterns = std::array<Pattern, 7>;

/// REQUIRES: check_plan(plan, config).
std::vector<BlockPatterns> patterns_of(const Plan& plan, const ModelConfig& config) {
  const auto linears = block_linears(config);
  std::vector<BlockPatterns> patterns(static_cast<std::size_t>(config.n_layers));
  for (std::int64_t block = 0; block < config.n_layers; ++block)
    for (std::size_t i = 0; i < linears.size(); ++i)
      patterns[static_cast<std::size_t>(block)][i] = plan.find(matrix_name(block, linears[i].name))->pattern;
  return patterns;
}

/// What is known of a block's inputs: of those that the importance asks for.
struct BlockInputs {
  explicit BlockInputs(Processes* processes) : moments(processes), grams(processes) {}
  InputMoments moments;
  InputGrams grams;
};

/// ||X_j||_2 of each column, up to the factor sqrt(tokens) that changes no ranking.
Result<std::vector<float>> column_norms(const InputMoments& moments, LinearInput input) {
  SC_TRY_ASSIGN(auto mean_squares, moments.mean_squares(input));
  return InputStatistics{.name = {}, .mean_squares = std::move(mean_squares)}.column_norms();
}

/// Prunes the matrices of one block, one after the other in the order of block_linears.
class BlockPruner {
 public:
  BlockPruner(const Llama& model, Importance importance, const MaskSharing& sharing, BlockInputs inputs,
              PruneOutput& output)
      : model_(model), importance_(importance), sharing_(sharing), inputs_(std::move(inputs)), output_(output) {}

  /// The matrices that `patterns` prune, by their tensors' names: of the block's own values with zeros, or SparseGPT's
  /// in float32. `block` takes them over.
  Result<std::map<std::string, at::Tensor>> prune(DecoderBlock& block, std::int64_t index,
                                                  const BlockPatterns& patterns) {
    std::map<std::string, at::Tensor> pruned;
    const auto linears = block_linears(model_.config());
    for (std::size_t i = 0; i < patterns.size(); ++i) {
      if (patterns[i].dense()) continue;
      SC_TRY(check_interrupt());
      const std::string name = matrix_name(index, linears[i].name);
      at::Tensor& weight = block.linears[i];
      SC_TRY_ASSIGN(const at::Tensor result, within(name, importance_ == Importance::kSparseGpt
                                                              ? update(name, kInputOfLinear[i], patterns[i])
                                                              : mask(name, weight, kInputOfLinear[i], patterns[i])));
      weight = result.to(weight.scalar_type());
      pruned.emplace(name + ".weight", result);
    }
    return pruned;
  }

 private:
  Result<at::Tensor> mask(const std::string& name, const at::Tensor& weight, LinearInput input, Pattern pattern) {
    std::vector<float> norms;  // empty: magnitude
    if (importance_ == Importance::kWanda) {
      SC_TRY_ASSIGN(norms, column_norms(inputs_.moments, input));
      if (scored_ != input) note_dead(name, std::ranges::count(norms, 0.0F));
      scored_ = input;
    }
    return masked(weight, norms, pattern, sharing_);
  }

  /// Of the source's weight, whatever type the model computes in.
  Result<at::Tensor> update(const std::string& name, LinearInput input, Pattern pattern) {
    if (inverse_of_ != input) {
      inverse_ = {};
      SC_TRY_ASSIGN(inverse_, invert_hessian(inputs_.grams.take(input)));
      inverse_of_ = input;
      note(name);
    }
    const Compute single{model_.compute().device, at::kFloat};
    SC_TRY_ASSIGN(const at::Tensor weight, read_tensor(output_.source(), name + ".weight", single));
    return prune_by_sparsegpt(weight, inverse_, pattern, sharing_);
  }

  void note(const std::string& name) {
    note_dead(name, inverse_.dead_columns);
    if (inverse_.damping > kSparseGptDamping)
      output_.note(fmt::format("{}: the Hessian's damping had to be {:g}", name, inverse_.damping));
  }

  void note_dead(const std::string& name, std::int64_t inputs) {
    if (inputs > 0) output_.note(fmt::format("{}: {} inputs were always zero", name, inputs));
  }

  const Llama& model_;
  Importance importance_;
  MaskSharing sharing_;
  BlockInputs inputs_;
  PruneOutput& output_;
  InverseHessian inverse_;  // of the input `inverse_of_`, which several matrices share
  std::optional<LinearInput> inverse_of_;
  std::optional<LinearInput> scored_;  // the input whose norms were looked at last
};

bool all_dense(const BlockPatterns& patterns) { return std::ranges::all_of(patterns, &Pattern::dense); }

Result<BlockInputs> inputs_of_block(const Llama& model, const DecoderBlock& block,
                                    const std::vector<at::Tensor>& states, Importance importance,
                                    const Calibration* calibration) {
  if (!calibration) return BlockInputs(nullptr);
  BlockInputs inputs(calibration->processes);
  const bool grams = importance == Importance::kSparseGpt;
  InputSums& sums = grams ? static_cast<InputSums&>(inputs.grams) : inputs.moments;
  const std::vector<std::size_t> own = own_batches(*calibration);
  const InputObserver observe = [&](LinearInput input, const at::Tensor& x) {
    grams ? inputs.grams.add(input, x) : inputs.moments.add(input, x);
  };
  SC_TRY(observe_block(model, block, states, observe, [&](std::size_t i) { return sums.end_batch(own[i]); }));
  SC_TRY(sums.end(calibration->batches.size()));
  return inputs;
}

/// The hidden states of every batch in front of the first block that `output` does not have.
std::vector<at::Tensor> first_states(const Llama& model, const Calibration& calibration, PruneOutput& output) {
  std::vector<at::Tensor> states = output.take_states();
  for (at::Tensor& state : states) state = state.to(model.compute().device);
  if (states.empty())
    for (const std::size_t batch : own_batches(calibration)) states.push_back(model.embed(calibration.batches[batch]));
  return states;
}

/// Block after block; without a calibration (by magnitude) nothing runs.
Result<void> prune_blocks(const Llama& model, const std::vector<BlockPatterns>& patterns, Importance importance,
                          const MaskSharing& sharing, const Calibration* calibration, PruneOutput& output) {
  std::vector<at::Tensor> states;
  if (calibration) states = first_states(model, *calibration, output);
  Progress progress("pruning", model.n_blocks(), "blocks");
  progress.skip(output.finished_blocks());
  for (std::int64_t i = output.finished_blocks(); i < model.n_blocks(); ++i) {
    SC_TRY(check_interrupt());
    const BlockPatterns& wanted = patterns[static_cast<std::size_t>(i)];
    SC_TRY_ASSIGN(DecoderBlock block, output.made(model.block(i)));
    std::map<std::string, at::Tensor> pruned;
    if (!all_dense(wanted)) {
      SC_TRY_ASSIGN(BlockInputs inputs, inputs_of_block(model, block, states, importance, calibration));
      BlockPruner pruner(model, importance, sharing, std::move(inputs), output);
      SC_TRY_ASSIGN(pruned, output.made(pruner.prune(block, i, wanted)));
    }
    SC_TRY(output.write(pruned, importance == Importance::kSparseGpt ? Change::kValues : Change::kZeros));
    progress.advance(1);
    if (i + 1 == model.n_blocks()) break;
    SC_TRY(run_block(model, block, states));
    output.save(states);
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

Result<void> check_plan(const Plan& plan, const ModelConfig& config) {
  const Remedy remedy{"make a plan for this model with 'sparsecim select'"};
  const auto linears = block_linears(config);
  const auto expected = static_cast<std::size_t>(config.n_layers) * linears.size();
  if (plan.matrices.size() != expected)
    return fail(remedy, "the plan has {} matrices, the model {}: it is a plan of another model", plan.matrices.size(),
                expected);
  for (std::int64_t block = 0; block < config.n_layers; ++block)
    for (const LinearShape& linear : linears) {
      const std::string name = matrix_name(block, linear.name);
      const PlannedMatrix* matrix = plan.find(name);
      if (matrix == nullptr || matrix->block != block || matrix->n_out != linear.n_out || matrix->n_in != linear.n_in)
        return fail(remedy, "the plan has no '{}' of shape [{}, {}] in block {}: it is a plan of another model", name,
                    linear.n_out, linear.n_in, block);
    }
  return {};
}

Result<void> prune(const Llama& model, const Plan& plan, Importance importance, const Calibration* calibration,
                   PruneOutput& output, const MaskSharing& sharing) {
  SC_TRY(require_dense(model.config(), "cannot be pruned"));
  SC_TRY(check_plan(plan, model.config()));
  const std::vector<BlockPatterns> patterns = patterns_of(plan, model.config());
  for (const PlannedMatrix& matrix : plan.matrices) SC_TRY(within(matrix.name, check_sharing(sharing, matrix.pattern)));
  const bool measures = importance != Importance::kMagnitude;
  if (measures && calibration == nullptr)
    return fail(Remedy{"give a --text"}, "only magnitude needs no calibration text");
  SC_TRY(guarded(
      [&] { return prune_blocks(model, patterns, importance, sharing, measures ? calibration : nullptr, output); }));
  return output.commit();
}

}  // namespace sparsecim
