#include "evaluate/perplexity.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <span>

#include "base/interrupt.hpp"
#include "base/progress.hpp"
#include "evaluate/waves.hpp"

namespace sparsecim {
namespace {

/// A model under evaluation: what it has added up so far, and its states of the current wave.
struct Candidate {
  const Llama* model;
  double nats = 0, kl = 0, seconds = 0;
  std::int64_t agreements = 0;
  std::vector<at::Tensor> states;  // of each batch: [predicted, hidden]
};

void add_divergence(const at::Tensor& log_p, const at::Tensor& log_q, Candidate& candidate) {
  const at::Tensor per_token = (log_p.exp() * (log_p - log_q)).sum(-1);
  candidate.kl += per_token.sum(at::kDouble).item<double>();
  candidate.agreements += (log_p.argmax(-1) == log_q.argmax(-1)).sum().item<std::int64_t>();
}

/// Tokens of a wave, padding included, such that the states of all candidates take `wave_bytes`.
std::int64_t most_wave_tokens(const std::vector<Candidate>& candidates, std::int64_t wave_bytes) {
  std::int64_t token_bytes = 0;
  for (const Candidate& c : candidates) token_bytes += c.model->config().hidden_size * 4;
  return wave_bytes / token_bytes;
}

/// Adds batch `b` of the wave to the sums of every candidate. `reference` (or null) points into `candidates`.
void score(std::vector<Candidate>& candidates, const Candidate* reference, const Batch& batch, std::size_t b) {
  const at::Tensor targets = batch.targets.to(candidates[0].states[b].device()).unsqueeze(1);
  for (std::int64_t begin = 0; begin < targets.size(0); begin += kLogitRows) {
    const std::int64_t rows = std::min(kLogitRows, targets.size(0) - begin);
    at::Tensor log_p;  // the reference's, which comes first
    for (Candidate& c : candidates) {
      const at::Tensor log_q = log_probabilities(*c.model, c.states[b], begin, rows, c.seconds);
      c.nats -= log_q.gather(1, targets.narrow(0, begin, rows)).sum(at::kDouble).item<double>();
      if (&c == reference) log_p = log_q;
      if (reference && &c != reference) add_divergence(log_p, log_q, c);
    }
  }
}

/// Everything that is predicted, by every candidate.
Result<void> score_all(std::vector<Candidate>& candidates, const Candidate* reference,
                       std::span<const Sequence> sequences, std::int64_t tokens, std::int64_t wave_bytes) {
  std::int64_t steps_per_token = 1;  // the head, then every block of every candidate
  for (const Candidate& c : candidates) steps_per_token += c.model->n_blocks();
  Progress progress("evaluating", tokens, "tokens", steps_per_token);
  const std::int64_t most_tokens = most_wave_tokens(candidates, wave_bytes);
  std::vector<Prediction> predictions;
  for (const Sequence& sequence : sequences) predictions.push_back({.ids = sequence});
  for (std::span<const Prediction> rest = predictions; !rest.empty();) {
    const std::vector<Batch> wave = take_wave(rest, most_tokens);
    for (Candidate& c : candidates) {
      c.states.clear();
      SC_TRY_ASSIGN(c.states, run_blocks(*c.model, wave, c.seconds, progress));
    }
    for (std::size_t b = 0; b < wave.size(); ++b) {
      SC_TRY(check_interrupt());
      score(candidates, reference, wave[b], b);
      for (const Candidate& c : candidates) SC_TRY(check_arithmetic(*c.model));
      progress.advance(wave[b].targets.numel());
    }
  }
  return {};
}

Result<void> check(const Llama& model, const Llama& first, const std::vector<Sequence>& sequences) {
  if (first.config().vocab_size != model.config().vocab_size)
    return fail("models with {} and {} tokens in their vocabularies cannot be compared", first.config().vocab_size,
                model.config().vocab_size);
  const std::int64_t positions = model.config().max_positions;
  for (const auto& sequence : sequences)
    if (std::ssize(sequence) - 1 > positions)
      return fail(Remedy{fmt::format("use --context {} or less", positions)},
                  "a sequence of {} tokens is longer than the model's {} positions", sequence.size() - 1, positions);
  return {};
}

std::int64_t predicted_bytes(const std::vector<Sequence>& sequences, const Tokenizer& tokenizer) {
  std::int64_t bytes = 0;
  for (const auto& sequence : sequences) {
    const std::span<const TokenId> all(sequence);  // the difference: a first token's leading space is the text's own
    bytes += std::ssize(tokenizer.decode(all)) - std::ssize(tokenizer.decode(all.first(1)));
  }
  return bytes;
}

}  // namespace

double Evaluation::perplexity() const { return std::exp(nats_per_token); }

Json to_json(const Evaluation& evaluation) {
  Json json = {{"perplexity", evaluation.perplexity()},
               {"nats_per_token", evaluation.nats_per_token},
               {"bits_per_byte", evaluation.bits_per_byte},
               {"tokens", evaluation.tokens},
               {"seconds", evaluation.seconds},
               {"tokens_per_second", evaluation.tokens_per_second()}};
  if (evaluation.divergence) {
    json["kl_divergence"] = evaluation.divergence->kl_nats;
    json["top1_agreement"] = evaluation.divergence->top1_agreement;
  }
  return json;
}

namespace {

Result<Evaluation> finish(const Candidate& candidate, bool diverges, std::int64_t tokens, std::int64_t bytes) {
  const auto n = static_cast<double>(tokens);
  Evaluation result{.nats_per_token = candidate.nats / n, .tokens = tokens, .seconds = candidate.seconds};
  if (!std::isfinite(result.nats_per_token))
    return fail("the model's loss is not finite: its weights or the type it computes in are broken");
  result.bits_per_byte = candidate.nats / std::numbers::ln2 / static_cast<double>(std::max<std::int64_t>(1, bytes));
  if (diverges) result.divergence = {candidate.kl / n, static_cast<double>(candidate.agreements) / n};
  return result;
}

/// The reference first, since the others are compared with it batch by batch.
std::vector<Candidate> line_up(std::span<const Llama* const> models, const Llama* reference) {
  std::vector<Candidate> candidates;
  if (reference) candidates.push_back({.model = reference});
  for (const Llama* model : models)
    if (model != reference) candidates.push_back({.model = model});
  return candidates;
}

}  // namespace

Result<std::vector<Evaluation>> evaluate(std::span<const Llama* const> models, const std::vector<Sequence>& sequences,
                                         const Tokenizer& tokenizer, const Llama* reference, std::int64_t wave_bytes) {
  std::vector<Candidate> candidates = line_up(models, reference);
  for (const Candidate& c : candidates) SC_TRY(check(*c.model, *candidates[0].model, sequences));
  return guarded([&]() -> Result<std::vector<Evaluation>> {
    const auto tokens = predicted_tokens(sequences);
    SC_TRY(score_all(candidates, reference ? &candidates[0] : nullptr, sequences, tokens, wave_bytes));
    const std::int64_t bytes = predicted_bytes(sequences, tokenizer);
    std::vector<Evaluation> results;
    for (const Llama* model : models) {
      const auto& candidate = *std::ranges::find(candidates, model, &Candidate::model);
      SC_TRY_ASSIGN(const Evaluation result, finish(candidate, reference && model != reference, tokens, bytes));
      results.push_back(result);
    }
    return results;
  });
}

}  // namespace sparsecim
