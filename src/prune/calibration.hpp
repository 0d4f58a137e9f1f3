#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/result.hpp"
#include "model/llama.hpp"
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
};

/// Samples `corpus`; documents stand behind the BOS token, as in evaluation. Errors: a text shorter than one sample;
/// samples longer than the model's positions, or more than fit into memory.
Result<Calibration> make_calibration(const Tokenizer& tokenizer, const ModelConfig& config, const Corpus& corpus,
                                     const CalibrationOptions& options);

/// Squares of the inputs of one block, summed over the calibration tokens in float64: Wanda's ||X_j||_2 squared
/// (arXiv 2306.11695, equation 1).
class InputMoments {
 public:
  /// Adds activations [tokens, n_in].
  void add(LinearInput input, const at::Tensor& activations);
  /// Mean square of each column of `input`, [n_in]. REQUIRES: something was added. Errors: a value that is not finite.
  Result<std::vector<float>> mean_squares(LinearInput input) const;

 private:
  std::array<at::Tensor, kLinearInputs> sums_;  // [n_in]
  std::array<std::int64_t, kLinearInputs> tokens_{};
};

/// Second moments of the inputs of one block, X^T X / tokens: half of SparseGPT's Hessians (arXiv 2301.00774, section
/// 3.1). One for each input: [n_in, n_in] in float64.
class InputGrams {
 public:
  /// Adds activations [tokens, n_in].
  void add(LinearInput input, const at::Tensor& activations);
  /// The mean over tokens; what was summed is dropped. REQUIRES: something was added.
  at::Tensor take(LinearInput input);

 private:
  std::array<at::Tensor, kLinearInputs> sums_;
  std::array<std::int64_t, kLinearInputs> tokens_{};
};

}  // namespace sparsecim
