#include "evaluate/waves.hpp"

#include <algorithm>
#include <chrono>

#include "base/interrupt.hpp"
#include "model/flexcim_arithmetic.hpp"

namespace sparsecim {
namespace {

Batch make_batch(std::span<const Prediction> predictions) {
  std::int64_t width = 0;
  for (const Prediction& prediction : predictions) width = std::max(width, prediction.inputs());
  at::Tensor ids = at::zeros({std::ssize(predictions), width}, at::kLong);
  std::vector<std::int64_t> rows, targets;
  std::int64_t inputs = 0;
  auto* row = ids.data_ptr<std::int64_t>();
  for (std::size_t s = 0; s < predictions.size(); ++s, row += width) {
    const Prediction& prediction = predictions[s];
    std::copy(prediction.ids.begin(), prediction.ids.end() - 1, row);
    for (std::size_t t = prediction.first; t < prediction.ids.size(); ++t) {
      rows.push_back(static_cast<std::int64_t>(s) * width + static_cast<std::int64_t>(t) - 1);
      targets.push_back(prediction.ids[t]);
    }
    inputs += prediction.inputs();
  }
  return {ids, at::tensor(rows, at::kLong), at::tensor(targets, at::kLong), inputs};
}

/// How many of the first predictions go together: as many as kBatchTokens allow with padding, at least one.
std::size_t batch_size(std::span<const Prediction> predictions) {
  std::size_t longest = 0, count = 0;
  for (; count < predictions.size(); ++count) {
    longest = std::max(longest, predictions[count].ids.size());
    if (count > 0 && (count + 1) * longest > kBatchTokens) break;
  }
  return count;
}

/// Runs `work` on a model and adds the time that it took.
template <class Work>
auto timed(const Llama& model, double& seconds, Work work) {
  const auto start = std::chrono::steady_clock::now();
  auto result = work();
  synchronise(model.compute().device);
  seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

}  // namespace

std::vector<Batch> take_wave(std::span<const Prediction>& rest, std::int64_t most_tokens) {
  std::vector<Batch> wave;
  for (std::int64_t tokens = 0; !rest.empty() && (wave.empty() || tokens < most_tokens);) {
    const std::size_t count = batch_size(rest);
    wave.push_back(make_batch(rest.first(count)));
    tokens += wave.back().ids.numel();
    rest = rest.subspan(count);
  }
  return wave;
}

Result<void> check_arithmetic(const Llama& model) {
  return model.compute().flexcim ? model.compute().flexcim->outcome() : Result<void>{};
}

Result<std::vector<at::Tensor>> run_blocks(const Llama& model, const std::vector<Batch>& wave, double& seconds,
                                           Progress& progress) {
  std::vector<at::Tensor> states;
  for (const Batch& batch : wave) states.push_back(model.embed(batch.ids));
  for (std::int64_t i = 0; i < model.n_blocks(); ++i) {
    SC_TRY_ASSIGN(const DecoderBlock block, model.block(i));
    for (std::size_t b = 0; b < wave.size(); ++b) {
      SC_TRY(check_interrupt());
      states[b] = timed(model, seconds, [&] { return model.forward_block(block, states[b]); });
      SC_TRY(check_arithmetic(model));
      progress.advance(wave[b].inputs);
    }
  }
  for (std::size_t b = 0; b < wave.size(); ++b)
    states[b] = states[b].flatten(0, 1).index_select(0, wave[b].rows.to(model.compute().device));
  return states;
}

at::Tensor log_probabilities(const Llama& model, const at::Tensor& states, std::int64_t begin, std::int64_t rows,
                             double& seconds) {
  return timed(model, seconds, [&] { return at::log_softmax(model.logits(states.narrow(0, begin, rows)), -1); });
}

}  // namespace sparsecim
