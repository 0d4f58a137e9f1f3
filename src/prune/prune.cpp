#include "prune/prune.hpp"

#include <algorithm>
#include <map>
#include <memory>

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

/// Prunes one matrix, whatever its type and device: the mask is made on float32 on the CPU.
Result<void> prune_matrix(at::Tensor& weight, std::span<const float> column_norms, Pattern pattern) {
  at::Tensor values = weight.to(at::kCPU, at::kFloat).contiguous();
  const std::span<float> all(values.data_ptr<float>(), static_cast<std::size_t>(values.numel()));
  SC_TRY(apply_nm(all, weight.size(1), column_norms, pattern));
  if (!values.is_same(weight)) weight.copy_(values);
  return {};
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
    SC_TRY(prune_matrix(block.linears[i], norms, patterns[i]));
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

Result<void> prune_by_magnitude(Llama& model, const std::vector<BlockPatterns>& patterns) {
  Progress progress("pruning", model.config().n_layers, "blocks");
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    SC_TRY(check_interrupt());
    SC_TRY(prune_block(model.blocks()[i], patterns[i], nullptr));
    progress.advance(1);
  }
  return {};
}

Result<void> prune_sequentially(Llama& model, const std::vector<BlockPatterns>& patterns,
                                const Calibration& calibration) {
  std::vector<at::Tensor> states;  // the hidden states of every batch in front of the current block
  for (const at::Tensor& batch : calibration.batches) states.push_back(model.embed(batch));
  Progress progress("pruning", model.config().n_layers, "blocks");
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    DecoderBlock& block = model.blocks()[i];
    if (!all_dense(patterns[i])) {
      InputMoments moments;
      SC_TRY(run_block(model, block, states, &moments));
      SC_TRY(within(fmt::format("model.layers.{}", i), prune_block(block, patterns[i], &moments)));
    }
    if (i + 1 < patterns.size()) SC_TRY(run_block(model, block, states, nullptr));
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

Result<void> prune(Llama& model, const Plan& plan, Importance importance, const Calibration* calibration) {
  SC_TRY_ASSIGN(const auto patterns, patterns_of(plan, model.config()));
  return guarded([&]() -> Result<void> {
    if (importance == Importance::kMagnitude) return prune_by_magnitude(model, patterns);
    if (calibration == nullptr) return fail(Remedy{"give a --text"}, "wanda needs a calibration text");
    return prune_sequentially(model, patterns, *calibration);
  });
}

TensorEdit zeros_of(const Llama& pruned) {
  auto weights = std::make_shared<std::map<std::string, at::Tensor>>();
  const auto linears = block_linears(pruned.config());
  for (std::size_t block = 0; block < pruned.blocks().size(); ++block)
    for (std::size_t i = 0; i < linears.size(); ++i)
      weights->emplace(matrix_name(static_cast<std::int64_t>(block), linears[i].name) + ".weight",
                       pruned.blocks()[block].linears[i]);
  return [weights](const TensorInfo& info, std::span<float> values) -> Result<void> {
    const auto found = weights->find(info.name);
    if (found == weights->end()) return {};
    return guarded([&]() -> Result<void> {
      const at::Tensor kept = (found->second.flatten() != 0).to(at::kCPU);
      const auto* keep = kept.const_data_ptr<bool>();
      for (std::size_t i = 0; i < values.size(); ++i)
        if (!keep[i]) values[i] = 0;
      return {};
    });
  };
}

}  // namespace sparsecim
