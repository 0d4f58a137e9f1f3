#include "prune/measure.hpp"

#include <algorithm>
#include <functional>
#include <numeric>

#include "base/interrupt.hpp"
#include "base/progress.hpp"
#include "prune/block_states.hpp"
#include "prune/losses.hpp"
#include "sparsity/dropped.hpp"
#include "sparsity/mask.hpp"

namespace sparsecim {
namespace {

/// What is known of the inputs of one block.
struct MeasuredInputs {
  explicit MeasuredInputs(Processes* processes) : moments(processes), grams(processes) {}
  InputMoments moments;
  InputGrams grams;  // where output errors are asked for
};

/// Runs every batch of this process through one block. `states` end up behind the block.
Result<MeasuredInputs> measure_inputs(const Llama& model, const DecoderBlock& block, bool grams,
                                      const Calibration& calibration, std::vector<at::Tensor>& states,
                                      Progress& progress) {
  MeasuredInputs inputs(calibration.processes);
  const std::vector<std::size_t> own = own_batches(calibration);
  const InputObserver observe = [&](LinearInput input, const at::Tensor& x) {
    inputs.moments.add(input, x);
    if (grams) inputs.grams.add(input, x);
  };
  const BatchSeen seen = [&](std::size_t i) -> Result<void> {
    SC_TRY(inputs.moments.end_batch(own[i]));
    return grams ? inputs.grams.end_batch(own[i]) : Result<void>{};
  };
  SC_TRY(run_block(model, block, states, observe, &progress, seen));
  SC_TRY(inputs.moments.end(calibration.batches.size()));
  if (grams) SC_TRY(inputs.grams.end(calibration.batches.size()));
  return inputs;
}

/// The inputs and matrices of one block, appended; what is counted in them comes later.
Result<void> append_block(Statistics& statistics, const ModelConfig& config, std::int64_t block,
                          const InputMoments& moments) {
  const auto linears = block_linears(config);
  std::array<std::int64_t, kLinearInputs> index;
  index.fill(-1);
  for (std::size_t i = 0; i < linears.size(); ++i) {
    const std::string name = matrix_name(block, linears[i].name);
    std::int64_t& input = index[static_cast<std::size_t>(kInputOfLinear[i])];
    if (input < 0) {
      input = std::ssize(statistics.inputs);
      SC_TRY_ASSIGN(auto mean_squares, within(name, moments.mean_squares(kInputOfLinear[i])));
      statistics.inputs.push_back({name, std::move(mean_squares)});
    }
    statistics.matrices.push_back(
        {.name = name, .block = block, .n_out = linears[i].n_out, .n_in = linears[i].n_in, .input = input});
  }
  return {};
}

/// One block's matrices in float32, as they are scored.
struct ScoredBlock {
  std::vector<at::Tensor> values;
  std::vector<std::vector<float>> norms;
  std::vector<ScoredMatrix> matrices;
};

ScoredBlock score(const Statistics& statistics, const DecoderBlock& block, std::size_t first) {
  ScoredBlock scored;
  for (std::size_t i = 0; i < block.linears.size(); ++i) {
    const MatrixStatistics& matrix = statistics.matrices[first + i];
    scored.values.push_back(block.linears[i].to(at::kCPU, at::kFloat).contiguous());
    scored.norms.push_back(statistics.inputs[static_cast<std::size_t>(matrix.input)].column_norms());
    const auto size = static_cast<std::size_t>(scored.values.back().numel());
    scored.matrices.push_back(
        {{scored.values.back().const_data_ptr<float>(), size}, matrix.n_out, matrix.n_in, scored.norms.back()});
  }
  return scored;
}

/// The outliers of one block's matrices, against the block's mean score or each matrix's own.
Result<void> append_outliers(Statistics& statistics, const ScoredBlock& block, std::size_t first, Threshold threshold) {
  const std::span<const ScoredMatrix> matrices = block.matrices;
  const std::size_t layer = threshold.granularity == Granularity::kBlock ? matrices.size() : 1;
  for (std::size_t begin = 0; begin < matrices.size(); begin += layer) {
    SC_TRY_ASSIGN(const auto found, find_outliers(matrices.subspan(begin, layer), threshold.tau));
    for (std::size_t i = 0; i < found.size(); ++i) statistics.matrices[first + begin + i].outliers.push_back(found[i]);
  }
  return {};
}

/// Mean square of what `change` [n_out, n_in] adds to a matrix's output, summed over the outputs: sum over the rows of
/// d^T G d, G [n_in, n_in] the inputs' second moments.
double output_square(const at::Tensor& change, const at::Tensor& gram) {
  return (at::mm(change, gram) * change).sum(at::kDouble).item<double>();
}

/// How much each of `patterns` changes the output of one matrix, as a share of the output.
Result<std::vector<double>> output_errors(const ScoredMatrix& matrix, const at::Tensor& weight, const at::Tensor& gram,
                                          std::span<const Pattern> patterns) {
  const double whole = output_square(weight, gram);
  std::vector<double> errors;
  for (const Pattern& pattern : patterns) {
    SC_TRY(check_interrupt());
    at::Tensor masked = weight.clone();
    SC_TRY(apply_nm({masked.data_ptr<float>(), matrix.values.size()}, matrix.n_in, matrix.column_norms, pattern));
    const double changed = pattern.dense() ? 0 : output_square(weight - masked, gram);
    errors.push_back(whole > 0 ? std::max(changed, 0.0) / whole : 0);
  }
  return errors;
}

/// The output errors of one block's matrices; each input's second moments are dropped behind the last that reads it.
Result<void> append_errors(Statistics& statistics, const ScoredBlock& block, std::size_t first, InputGrams& grams) {
  if (statistics.scope.error_patterns.empty()) return {};
  at::Tensor gram;
  for (std::size_t i = 0; i < block.matrices.size(); ++i) {
    if (i == 0 || kInputOfLinear[i] != kInputOfLinear[i - 1])
      gram = grams.take(kInputOfLinear[i]).to(at::kCPU, at::kFloat);
    MatrixStatistics& matrix = statistics.matrices[first + i];
    SC_TRY_ASSIGN(matrix.errors, within(matrix.name, output_errors(block.matrices[i], block.values[i], gram,
                                                                   statistics.scope.error_patterns)));
  }
  return {};
}

/// Counts everything of the scope in one block.
Result<void> count_block(Statistics& statistics, const DecoderBlock& block, std::size_t first, InputGrams& grams) {
  const ScoredBlock scored = score(statistics, block, first);
  for (const Threshold& threshold : statistics.scope.thresholds)
    SC_TRY(append_outliers(statistics, scored, first, threshold));
  for (std::size_t i = 0; i < scored.matrices.size(); ++i) {
    MatrixStatistics& matrix = statistics.matrices[first + i];
    SC_TRY_ASSIGN(matrix.dropped, within(matrix.name, dropped_shares(scored.matrices[i], statistics.scope.patterns)));
  }
  return append_errors(statistics, scored, first, grams);
}

std::int64_t elements(const std::vector<std::int64_t>& shape) {
  return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
}

}  // namespace

Plan dense_plan_of(const ModelConfig& config) {
  Plan plan{.method = "dense"};
  for (const RequiredTensor& tensor : required_tensors(config)) plan.other_weights += elements(tensor.shape);
  for (std::int64_t block = 0; block < config.n_layers; ++block)
    for (const LinearShape& linear : block_linears(config))
      plan.matrices.push_back({.name = matrix_name(block, linear.name),
                               .block = block,
                               .n_out = linear.n_out,
                               .n_in = linear.n_in,
                               .pattern = {},
                               .outlier_share = {},
                               .outlier_distribution = {}});
  plan.other_weights -= plan.weights();
  return plan;
}

namespace {

/// What one pass over the calibration tokens tells.
Result<void> measure_blocks(const Llama& model, const Calibration& calibration, Statistics& statistics) {
  std::vector<at::Tensor> states;
  std::int64_t tokens = 0;  // of this process
  for (const std::size_t batch : own_batches(calibration)) {
    states.push_back(model.embed(calibration.batches[batch]));
    tokens += calibration.batches[batch].numel();
  }
  const bool grams = !statistics.scope.error_patterns.empty();
  Progress progress("measuring the dense model", tokens, "tokens", model.n_blocks());
  for (std::int64_t i = 0; i < model.n_blocks(); ++i) {
    SC_TRY_ASSIGN(const DecoderBlock block, model.block(i));
    SC_TRY_ASSIGN(MeasuredInputs inputs, measure_inputs(model, block, grams, calibration, states, progress));
    const std::size_t first = statistics.matrices.size();
    SC_TRY(append_block(statistics, model.config(), i, inputs.moments));
    SC_TRY(within(fmt::format("model.layers.{}", i), count_block(statistics, block, first, inputs.grams)));
  }
  return {};
}

}  // namespace

Result<Statistics> measure_statistics(const Llama& model, const Checkpoint& checkpoint, const Calibration& calibration,
                                      const StatisticsScope& scope) {
  SC_TRY(require_dense(model.config(), "have no N:M patterns"));
  return guarded([&]() -> Result<Statistics> {
    Statistics statistics{.n_tokens = calibration.tokens, .scope = scope};
    statistics.other_weights = dense_plan_of(model.config()).other_weights;
    SC_TRY_ASSIGN(statistics.model_fingerprint, fingerprint(checkpoint.files()));
    SC_TRY(measure_blocks(model, calibration, statistics));
    if (scope.losses) SC_TRY(measure_losses(model, calibration, statistics));
    return statistics;
  });
}

}  // namespace sparsecim
