#include "prune/prune.hpp"

#include <algorithm>

#include "base/interrupt.hpp"
#include "base/progress.hpp"
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

/// One matrix pruned, whatever its type and device: the mask is made on float32 on the CPU.
Result<at::Tensor> pruned_matrix(const at::Tensor& weight, std::span<const float> column_norms, Pattern pattern) {
  at::Tensor values = weight.to(at::kCPU, at::kFloat, false, /*copy=*/true).contiguous();
  const std::span<float> all(values.data_ptr<float>(), static_cast<std::size_t>(values.numel()));
  SC_TRY(apply_nm(all, weight.size(1), column_norms, pattern));
  return values.to(weight.device(), weight.scalar_type());
}

/// ||X_j||_2 of each column, up to the factor sqrt(tokens) that changes no ranking; empty without moments.
Result<std::vector<float>> column_norms(const InputMoments* moments, LinearInput input) {
  if (moments == nullptr) return std::vector<float>{};
  SC_TRY_ASSIGN(auto mean_squares, moments->mean_squares(input));
  return InputStatistics{.name = {}, .mean_squares = std::move(mean_squares)}.column_norms();
}

Result<void> prune_block(DecoderBlock& block, const BlockPatterns& patterns, const InputMoments* moments) {
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    if (patterns[i].dense()) continue;
    SC_TRY_ASSIGN(const auto norms, column_norms(moments, kInputOfLinear[i]));
    SC_TRY_ASSIGN(block.linears[i], pruned_matrix(block.linears[i], norms, patterns[i]));
  }
  return {};
}

bool all_dense(const BlockPatterns& patterns) { return std::ranges::all_of(patterns, &Pattern::dense); }

/// Runs every batch through the block; with `moments`, only to observe: the states stay as they are.
Result<void> run_block(const Llama& model, const DecoderBlock& block, std::vector<at::Tensor>& states,
                       InputMoments* moments) {
  for (at::Tensor& state : states) {
    SC_TRY(check_interrupt());
    if (!moments) {
      state = model.forward_block(block, state);
      continue;
    }
    model.forward_block(block, state, nullptr, [&](LinearInput input, const at::Tensor& x) { moments->add(input, x); });
  }
  return {};
}

Result<void> prune_by_magnitude(const Llama& model, const std::vector<BlockPatterns>& patterns, PruneOutput& output) {
  Progress progress("pruning", model.n_blocks(), "blocks");
  progress.skip(output.finished_blocks());
  for (std::int64_t i = output.finished_blocks(); i < model.n_blocks(); ++i) {
    SC_TRY(check_interrupt());
    SC_TRY_ASSIGN(DecoderBlock block, model.block(i));
    SC_TRY(prune_block(block, patterns[static_cast<std::size_t>(i)], nullptr));
    SC_TRY(output.write(block));
    SC_TRY(output.save({}));
    progress.advance(1);
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

Result<void> prune_sequentially(const Llama& model, const std::vector<BlockPatterns>& patterns,
                                const Calibration& calibration, PruneOutput& output) {
  std::vector<at::Tensor> states = first_states(model, calibration, output);
  Progress progress("pruning", model.n_blocks(), "blocks");
  progress.skip(output.finished_blocks());
  for (std::int64_t i = output.finished_blocks(); i < model.n_blocks(); ++i) {
    const BlockPatterns& wanted = patterns[static_cast<std::size_t>(i)];
    SC_TRY_ASSIGN(DecoderBlock block, model.block(i));
    if (!all_dense(wanted)) {
      InputMoments moments;
      SC_TRY(run_block(model, block, states, &moments));
      SC_TRY(within(fmt::format("model.layers.{}", i), prune_block(block, wanted, &moments)));
    }
    SC_TRY(output.write(block));
    if (i + 1 < model.n_blocks()) SC_TRY(run_block(model, block, states, nullptr));
    SC_TRY(output.save(states));
    progress.advance(1);
  }
  return {};
}

}  // namespace

Result<Importance> parse_importance(const std::string& name) {
  if (name == "magnitude") return Importance::kMagnitude;
  if (name == "wanda") return Importance::kWanda;
  return fail(Remedy{"use wanda or magnitude"}, "unknown importance '{}'", name);
}

Result<void> prune(const Llama& model, const Plan& plan, Importance importance, const Calibration* calibration,
                   PruneOutput& output) {
  SC_TRY_ASSIGN(const auto patterns, patterns_of(plan, model.config()));
  if (importance != Importance::kMagnitude && calibration == nullptr)
    return fail(Remedy{"give a --text"}, "wanda needs a calibration text");
  SC_TRY(guarded([&]() -> Result<void> {
    return importance == Importance::kMagnitude ? prune_by_magnitude(model, patterns, output)
                                                : prune_sequentially(model, patterns, *calibration, output);
  }));
  return output.commit();
}

}  // namespace sparsecim
