#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "evaluate/sequences.hpp"
#include "model/llama.hpp"

namespace sparsecim {

/// How far a model is from the one it was made from, over the same predicted tokens.
struct Divergence {
  double kl_nats = 0;         // mean KL(reference || model) per predicted token
  double top1_agreement = 0;  // share of predicted tokens for which both find the same token likeliest
};

struct Evaluation {
  double nats_per_token = 0;  // mean negative log-likelihood, natural logarithm
  double bits_per_byte = 0;   // of the UTF-8 text that the predicted tokens spell
  std::int64_t tokens = 0;    // predicted
  double seconds = 0;         // of computing this model's losses, without loading
  std::optional<Divergence> divergence;

  double perplexity() const;
  double tokens_per_second() const { return seconds > 0 ? static_cast<double>(tokens) / seconds : 0; }
};

/// perplexity, nats_per_token, bits_per_byte, tokens, seconds, tokens_per_second; kl_divergence, top1_agreement.
Json to_json(const Evaluation& evaluation);

/// Scores each of `models` on `sequences`, side by side: all predicted tokens weighted equally, sums in float64. With
/// `reference`, which may be one of them and then runs only once, the divergence of every other model from it. Memory:
/// one block at a time of models that read theirs when asked, and about `wave_bytes` of hidden states.
/// Errors: a sequence longer than a model's positions; models of different vocabularies; macros whose bit-serial
/// arithmetic gives another sum than the model's (Compute::flexcim); interrupted.
Result<std::vector<Evaluation>> evaluate(std::span<const Llama* const> models, const std::vector<Sequence>& sequences,
                                         const Tokenizer& tokenizer, const Llama* reference = nullptr,
                                         std::int64_t wave_bytes = std::int64_t{1} << 30);

}  // namespace sparsecim
