#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/result.hpp"
#include "model/llama.hpp"
#include "prune/processes.hpp"
#include "text/corpus.hpp"
#include "text/tokenizer.hpp"

namespace sparsecim {

/// Which tokens a model is calibrated on.
struct CalibrationOptions {
  std::int64_t samples = 128;  // windows of a stream, or documents
  std::int64_t length = 512;   // tokens of each; documents are cut there
  std::uint64_t seed = 0;
};

/// Token windows of a text, ready to run: each [batch, tokens] of equally long samples.
struct Calibration {
  std::vector<at::Tensor> batches;
  std::int64_t tokens = 0;
  std::int64_t samples = 0;        // fewer than were asked for where the text has no more documents
  Processes* processes = nullptr;  // with which the batches are shared; null: with none
};

/// Shares the batches with `processes`, each of which has the same and must outlive the calibration. Errors: fewer
/// batches than processes.
Result<void> share(Calibration& calibration, Processes& processes);
/// Which batches this process runs: all that are not others'.
std::vector<std::size_t> own_batches(const Calibration& calibration);

/// Samples `corpus`; documents stand behind the BOS token, as in evaluation. Errors: a text shorter than one sample;
/// samples longer than the model's positions, or more than fit into memory.
Result<Calibration> make_calibration(const Tokenizer& tokenizer, const ModelConfig& config, const Corpus& corpus,
                                     const CalibrationOptions& options);

/// Something of the inputs of one block that is summed over the calibration tokens: over a batch in float32 (a few
/// thousand terms), over batches in float64 and in their order, so that the sums do not depend on how many processes
/// run the batches.
class InputSums {
 public:
  /// Ends batch `index` of the whole calibration, of which something was added for every input.
  Result<void> end_batch(std::size_t index);
  /// Behind the last batch that this process runs: takes what others have summed, `batches` in all. Errors: theirs.
  Result<void> end(std::size_t batches);

 protected:
  InputSums(const char* what, Processes* processes) : what_(what), processes_(processes) {}
  /// `sum`, float32, over `tokens` of the batch that is running.
  void add_sum(LinearInput input, const at::Tensor& sum, std::int64_t tokens);

  std::array<at::Tensor, kLinearInputs> sums_;  // float64
  std::array<std::int64_t, kLinearInputs> tokens_{};

 private:
  void fold(std::size_t input, const at::Tensor& sum, std::int64_t tokens);

  const char* what_;      // among what processes tell each other
  Processes* processes_;  // that run the other batches; null: none
  std::vector<at::Tensor> running_,
      like_;  // of the batch that is running: float32 sums, then tokens; of the one before
};

/// Squares of the inputs of one block: Wanda's ||X_j||_2 squared (arXiv 2306.11695, equation 1).
class InputMoments : public InputSums {
 public:
  explicit InputMoments(Processes* processes = nullptr) : InputSums("squares", processes) {}
  /// Adds activations [tokens, n_in].
  void add(LinearInput input, const at::Tensor& activations);
  /// Mean square of each column of `input`, [n_in]. REQUIRES: something was added. Errors: a value that is not finite.
  Result<std::vector<float>> mean_squares(LinearInput input) const;
};

/// Second moments of the inputs of one block, X^T X / tokens: half of SparseGPT's Hessians (arXiv 2301.00774, section
/// 3.1). One for each input: [n_in, n_in] in float64.
class InputGrams : public InputSums {
 public:
  explicit InputGrams(Processes* processes = nullptr) : InputSums("products", processes) {}
  /// Adds activations [tokens, n_in].
  void add(LinearInput input, const at::Tensor& activations);
  /// The mean over tokens; what was summed is dropped. REQUIRES: something was added.
  at::Tensor take(LinearInput input);
};

}  // namespace sparsecim
