#include "prune/losses.hpp"

#include <algorithm>
#include <cmath>

#include "base/check.hpp"
#include "base/interrupt.hpp"
#include "base/progress.hpp"
#include "prune/block_states.hpp"
#include "prune/masked.hpp"

namespace sparsecim {
namespace {

/// Rows of logits held at once, as in evaluation.
constexpr std::int64_t kLossRows = 256;

/// Measures one matrix after the other; `blocks_` are those of the reference.
class LossMeter {
 public:
  LossMeter(const Llama& model, Statistics& statistics, Processes* processes)
      : model_(model), statistics_(statistics), processes_(processes) {}

  Result<void> measure(const std::vector<at::Tensor>& batches) {
    SC_TRY(prepare(batches));
    SC_TRY_ASSIGN(const at::Tensor reference, losses_behind(states_, 0));
    Progress progress("measuring losses", std::ssize(statistics_.matrices), "matrices");
    for (std::int64_t b = 0; b < model_.n_blocks(); ++b) {
      SC_TRY_ASSIGN(const DecoderBlock dense, model_.block(b));
      for (std::size_t i = 0; i < dense.linears.size(); ++i) {
        const std::size_t m = matrix_index(b, i);
        if (!processes_ || processes_->owns(m))
          SC_TRY(within(statistics_.matrices[m].name, measure_matrix(b, i, dense, reference)));
        progress.advance(1);
      }
      SC_TRY(run_block(model_, block(b), states_));
    }
    return exchange();
  }

 private:
  DecoderBlock& block(std::int64_t index) { return blocks_[static_cast<std::size_t>(index)]; }
  static std::size_t matrix_index(std::int64_t b, std::size_t i) {
    return static_cast<std::size_t>(b) * kInputOfLinear.size() + i;
  }

  /// Of several processes each has measured some of the matrices: behind this all have all.
  Result<void> exchange() {
    if (!processes_) return {};
    constexpr std::size_t kAnchors = LossScope::kAnchors.size();
    at::Tensor table = at::zeros({std::ssize(statistics_.matrices), kAnchors, 2}, at::kDouble);
    auto* cell = table.mutable_data_ptr<double>();
    for (MatrixStatistics& matrix : statistics_.matrices) {
      matrix.rises.resize(kAnchors);
      for (const LossRise& rise : matrix.rises) {
        *cell++ = rise.nats;
        *cell++ = rise.standard_error;
      }
    }
    SC_TRY_ASSIGN(table, processes_->sum("losses", table));
    const auto* found = table.const_data_ptr<double>();
    for (MatrixStatistics& matrix : statistics_.matrices) {
      for (LossRise& rise : matrix.rises) {
        rise.nats = *found++;
        rise.standard_error = *found++;
      }
    }
    return {};
  }

  /// The reference's blocks, and what the dense model predicts.
  Result<void> prepare(const std::vector<at::Tensor>& batches) {
    Progress progress("preparing the reference", model_.n_blocks(), "blocks");
    for (const at::Tensor& batch : batches) states_.push_back(model_.embed(batch));
    std::vector<at::Tensor> dense_states = states_;
    for (std::int64_t b = 0; b < model_.n_blocks(); ++b) {
      SC_TRY(check_interrupt());
      SC_TRY_ASSIGN(DecoderBlock made, model_.block(b));
      for (at::Tensor& state : dense_states) state = model_.forward_block(made, state);
      for (std::size_t i = 0; i < made.linears.size(); ++i) {
        SC_TRY_ASSIGN(made.linears[i], pruned(made.linears[i], b, i, statistics_.scope.losses->reference));
      }
      blocks_.push_back(std::move(made));
      progress.advance(1);
    }
    for (const at::Tensor& state : dense_states) {
      expected_.push_back(predictions(state));
      wholes_.push_back(expected_.back().sum(-1, false, at::kFloat));
    }
    return {};
  }

  /// One matrix of block `b`, pruned to `pattern` by Wanda's scores.
  Result<at::Tensor> pruned(const at::Tensor& weight, std::int64_t b, std::size_t i, Pattern pattern) const {
    return masked(weight, statistics_, matrix_index(b, i), pattern);
  }

  /// Calls work(first row, its logits) for all rows of `hidden` [rows, hidden], some at a time.
  template <class Work>
  void for_logits(const at::Tensor& hidden, Work work) const {
    for (std::int64_t begin = 0; begin < hidden.size(0); begin += kLossRows) {
      const std::int64_t rows = std::min(kLossRows, hidden.size(0) - begin);
      work(begin, model_.logits(hidden.narrow(0, begin, rows)));
    }
  }

  /// The dense model's distribution over the next token, [rows, vocabulary]. In bfloat16: that is the largest thing in
  /// memory here, and every model is held against the same rounded one.
  at::Tensor predictions(const at::Tensor& state) const {
    std::vector<at::Tensor> rows;
    for_logits(state.flatten(0, 1), [&](std::int64_t, const at::Tensor& logits) {
      rows.push_back(at::softmax(logits, -1).to(at::kBFloat16));
    });
    return at::cat(rows);
  }

  /// Cross-entropy of each token, [tokens] float64, where the reference's blocks from `first` on follow `states`.
  Result<at::Tensor> losses_behind(std::vector<at::Tensor> states, std::int64_t first) {
    std::vector<at::Tensor> losses;
    for (std::size_t s = 0; s < states.size(); ++s) {
      SC_TRY(check_interrupt());
      for (std::int64_t b = first; b < model_.n_blocks(); ++b) states[s] = model_.forward_block(block(b), states[s]);
      for_logits(states[s].flatten(0, 1), [&](std::int64_t begin, const at::Tensor& logits) {
        const at::Tensor p = expected_[s].narrow(0, begin, logits.size(0));
        const at::Tensor whole = wholes_[s].narrow(0, begin, logits.size(0));
        losses.push_back((at::logsumexp(logits, -1) * whole - (p * logits).sum(-1)).to(at::kDouble));
      });
    }
    at::Tensor all = at::cat(losses);
    if (!all.isfinite().all().item<bool>()) return fail("the loss is not finite: the model's weights are broken");
    return all;
  }

  Result<at::Tensor> losses_with(std::int64_t b, std::size_t i, const at::Tensor& weight) {
    DecoderBlock changed = block(b);
    changed.linears[i] = weight;
    std::vector<at::Tensor> states;
    for (const at::Tensor& state : states_) states.push_back(model_.forward_block(changed, state));
    return losses_behind(std::move(states), b + 1);
  }

  Result<void> measure_matrix(std::int64_t b, std::size_t i, const DecoderBlock& dense, const at::Tensor& reference) {
    const Pattern common = statistics_.scope.losses->reference;
    const auto losses = [&](Pattern pattern) -> Result<at::Tensor> {
      if (pattern == common) return reference;
      SC_TRY_ASSIGN(const at::Tensor weight, pruned(dense.linears[i], b, i, pattern));
      return losses_with(b, i, weight);
    };
    SC_TRY_ASSIGN(const at::Tensor base, losses(LossScope::kBase));
    auto& rises = statistics_.matrices[matrix_index(b, i)].rises;
    for (const Pattern& anchor : LossScope::kAnchors) {
      SC_TRY_ASSIGN(const at::Tensor raised, losses(anchor));
      const at::Tensor rise = raised - base;
      rises.push_back(
          {rise.mean().item<double>(),
           rise.numel() > 1 ? rise.std().item<double>() / std::sqrt(static_cast<double>(rise.numel())) : 0});
    }
    return {};
  }

  const Llama& model_;
  Statistics& statistics_;
  Processes* processes_;              // among which the matrices are shared; null: none
  std::vector<DecoderBlock> blocks_;  // all matrices at the reference's pattern
  std::vector<at::Tensor> states_;    // [batch, tokens, hidden] in front of the block that is being measured
  std::vector<at::Tensor> expected_;  // predictions() of each batch: [tokens, vocabulary]
  std::vector<at::Tensor> wholes_;    // their sums, 1 but for rounding: [tokens]
};

}  // namespace

LossTokens split_tokens(const Calibration& calibration, std::int64_t tokens, std::int64_t ratio) {
  LossTokens split;
  std::int64_t to_compare = ratio * tokens;
  // Takes what `wanted` has room for from the front of `batch`.
  const auto take = [](at::Tensor& batch, std::int64_t& wanted, std::vector<at::Tensor>& into) {
    const std::int64_t width = std::min(batch.size(1), wanted);
    const std::int64_t rows = std::min(batch.size(0), wanted / width);
    into.push_back(batch.narrow(0, 0, rows).narrow(1, 0, width));
    wanted -= into.back().numel();
    batch = batch.narrow(0, rows, batch.size(0) - rows);
  };
  for (at::Tensor batch : calibration.batches) {
    while (tokens > 0 && batch.size(0) > 0) take(batch, tokens, split.measured);
    while (to_compare > 0 && batch.size(0) > 0) take(batch, to_compare, split.compared);
  }
  return split;
}

Result<void> measure_losses(const Llama& model, const Calibration& calibration, Statistics& statistics) {
  SC_CHECK(statistics.scope.losses.has_value());
  const auto batches = split_tokens(calibration, statistics.scope.losses->tokens, 0).measured;
  return guarded([&] { return LossMeter(model, statistics, calibration.processes).measure(batches); });
}

}  // namespace sparsecim
