#include "evaluate/perplexity.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numbers>
#include <span>

#include "base/interrupt.hpp"
#include "base/progress.hpp"

namespace sparsecim {
namespace {

/// Rows of logits held at once: 256 x 128,256 (LLaMA-3's vocabulary) float32 are 131 MB.
constexpr std::int64_t kLogitRows = 256;

/// A model under evaluation: what it has added up so far, and its states of the current batch.
struct Candidate {
  const Llama* model;
  double nats = 0, kl = 0, seconds = 0;
  std::int64_t agreements = 0;
  at::Tensor states;  // [predicted, hidden]
};

/// Sequences side by side, padded on the right: under a causal mask padding is never seen by what is scored.
struct Batch {
  at::Tensor ids;      // [sequences, longest - 1], the inputs
  at::Tensor rows;     // [predicted], which rows of the flattened inputs predict something
  at::Tensor targets;  // [predicted]
};

Batch make_batch(std::span<const Sequence> sequences) {
  std::size_t longest = 0;
  for (const auto& sequence : sequences) longest = std::max(longest, sequence.size());
  const auto width = static_cast<std::int64_t>(longest) - 1;
  at::Tensor ids = at::zeros({static_cast<std::int64_t>(sequences.size()), width}, at::kLong);
  std::vector<std::int64_t> rows, targets;
  auto* row = ids.data_ptr<std::int64_t>();
  for (std::size_t s = 0; s < sequences.size(); ++s, row += width) {
    const Sequence& sequence = sequences[s];
    std::copy(sequence.begin(), sequence.end() - 1, row);
    for (std::size_t t = 1; t < sequence.size(); ++t) {
      rows.push_back(static_cast<std::int64_t>(s) * width + static_cast<std::int64_t>(t) - 1);
      targets.push_back(sequence[t]);
    }
  }
  return {ids, at::tensor(rows, at::kLong), at::tensor(targets, at::kLong)};
}

/// How many of the first sequences go together: as many as kBatchTokens allow with padding, at least one.
std::size_t batch_size(std::span<const Sequence> sequences) {
  std::size_t longest = 0, count = 0;
  for (; count < sequences.size(); ++count) {
    longest = std::max(longest, sequences[count].size());
    if (count > 0 && (count + 1) * longest > kBatchTokens) break;
  }
  return count;
}

/// log p(token | before) for each row: [rows, vocabulary].
at::Tensor log_probabilities(const Llama& model, const at::Tensor& hidden, std::int64_t begin, std::int64_t rows) {
  return at::log_softmax(model.logits(hidden.narrow(0, begin, rows)), -1);
}

void add_divergence(const at::Tensor& log_p, const at::Tensor& log_q, Candidate& candidate) {
  const at::Tensor per_token = (log_p.exp() * (log_p - log_q)).sum(-1);
  candidate.kl += per_token.sum(at::kDouble).item<double>();
  candidate.agreements += (log_p.argmax(-1) == log_q.argmax(-1)).sum().item<std::int64_t>();
}

/// Runs `work` and adds the time that it took to `seconds`.
template <class Work>
auto timed(double& seconds, Work work) {
  const auto start = std::chrono::steady_clock::now();
  auto result = work();
  seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

/// The hidden states that predict something: [predicted, hidden].
at::Tensor predicting_states(const Llama& model, const Batch& batch) {
  return model.forward(batch.ids).flatten(0, 1).index_select(0, batch.rows.to(model.compute().device));
}

/// Adds one batch to the sums of every candidate. `reference` (or null) points into `candidates`.
void score(std::vector<Candidate>& candidates, const Candidate* reference, const Batch& batch) {
  for (Candidate& c : candidates) c.states = timed(c.seconds, [&] { return predicting_states(*c.model, batch); });
  const at::Tensor targets = batch.targets.to(candidates[0].states.device()).unsqueeze(1);
  for (std::int64_t begin = 0; begin < targets.size(0); begin += kLogitRows) {
    const std::int64_t rows = std::min(kLogitRows, targets.size(0) - begin);
    const auto probabilities = [&](Candidate& c) {
      return timed(c.seconds, [&] { return log_probabilities(*c.model, c.states, begin, rows); });
    };
    at::Tensor log_p;  // the reference's, which comes first
    for (Candidate& c : candidates) {
      const at::Tensor log_q = probabilities(c);
      c.nats -= log_q.gather(1, targets.narrow(0, begin, rows)).sum(at::kDouble).item<double>();
      if (&c == reference) log_p = log_q;
      if (reference && &c != reference) add_divergence(log_p, log_q, c);
    }
  }
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
                                         const Tokenizer& tokenizer, const Llama* reference) {
  std::vector<Candidate> candidates = line_up(models, reference);
  for (const Candidate& c : candidates) SC_TRY(check(*c.model, *candidates[0].model, sequences));
  return guarded([&]() -> Result<std::vector<Evaluation>> {
    const auto tokens = predicted_tokens(sequences);
    Progress progress("evaluating", tokens, "tokens");
    for (std::span<const Sequence> rest(sequences); !rest.empty();) {
      SC_TRY(check_interrupt());
      const std::size_t count = batch_size(rest);
      const Batch batch = make_batch(rest.first(count));
      score(candidates, reference ? &candidates[0] : nullptr, batch);
      progress.advance(batch.targets.numel());
      rest = rest.subspan(count);
    }
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
