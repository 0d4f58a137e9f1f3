#include "evaluate/perplexity.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numbers>
#include <span>

#include "base/interrupt.hpp"
#include "base/progress.hpp"
#include "model/flexcim_arithmetic.hpp"

namespace sparsecim {
namespace {

/// Rows of logits held at once: 256 x 128,256 (LLaMA-3's vocabulary) float32 are 131 MB.
constexpr std::int64_t kLogitRows = 256;

/// A model under evaluation: what it has added up so far, and its states of the current wave.
struct Candidate {
  const Llama* model;
  double nats = 0, kl = 0, seconds = 0;
  std::int64_t agreements = 0;
  std::vector<at::Tensor> states;  // of each batch: [sequences, tokens, hidden], at the end [predicted, hidden]
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

/// Runs `work` of a candidate and adds the time that it took.
template <class Work>
auto timed(Candidate& candidate, Work work) {
  const auto start = std::chrono::steady_clock::now();
  auto result = work();
  synchronise(candidate.model->compute().device);
  candidate.seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

/// As many of the first of `rest` as may be in memory at once, in batches; `rest` loses them. At least one batch.
std::vector<Batch> take_wave(std::span<const Sequence>& rest, std::int64_t most_tokens) {
  std::vector<Batch> wave;
  for (std::int64_t tokens = 0; !rest.empty() && (wave.empty() || tokens < most_tokens);) {
    const std::size_t count = batch_size(rest);
    wave.push_back(make_batch(rest.first(count)));
    tokens += wave.back().ids.numel();
    rest = rest.subspan(count);
  }
  return wave;
}

/// Tokens of a wave, padding included, such that the states of all candidates take `wave_bytes`.
std::int64_t most_wave_tokens(const std::vector<Candidate>& candidates, std::int64_t wave_bytes) {
  std::int64_t token_bytes = 0;
  for (const Candidate& c : candidates) token_bytes += c.model->config().hidden_size * 4;
  return wave_bytes / token_bytes;
}

/// Whether the macros and the kernels agreed so far, where the model computes as macros do.
Result<void> check_arithmetic(const Llama& model) {
  return model.compute().flexcim ? model.compute().flexcim->outcome() : Result<void>{};
}

/// Runs a wave through all blocks of one model, one block in memory at a time; the states that predict something stay.
Result<void> run_blocks(Candidate& candidate, const std::vector<Batch>& wave, Progress& progress) {
  const Llama& model = *candidate.model;
  candidate.states.clear();
  for (const Batch& batch : wave) candidate.states.push_back(model.embed(batch.ids));
  for (std::int64_t i = 0; i < model.n_blocks(); ++i) {
    SC_TRY_ASSIGN(const DecoderBlock block, model.block(i));
    for (std::size_t b = 0; b < wave.size(); ++b) {
      SC_TRY(check_interrupt());
      at::Tensor& state = candidate.states[b];
      state = timed(candidate, [&] { return model.forward_block(block, state); });
      SC_TRY(check_arithmetic(model));
      progress.advance(wave[b].targets.numel());
    }
  }
  for (std::size_t b = 0; b < wave.size(); ++b)
    candidate.states[b] = candidate.states[b].flatten(0, 1).index_select(0, wave[b].rows.to(model.compute().device));
  return {};
}

/// Adds batch `b` of the wave to the sums of every candidate. `reference` (or null) points into `candidates`.
void score(std::vector<Candidate>& candidates, const Candidate* reference, const Batch& batch, std::size_t b) {
  const at::Tensor targets = batch.targets.to(candidates[0].states[b].device()).unsqueeze(1);
  for (std::int64_t begin = 0; begin < targets.size(0); begin += kLogitRows) {
    const std::int64_t rows = std::min(kLogitRows, targets.size(0) - begin);
    const auto probabilities = [&](Candidate& c) {
      return timed(c, [&] { return log_probabilities(*c.model, c.states[b], begin, rows); });
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

/// Everything that is predicted, by every candidate.
Result<void> score_all(std::vector<Candidate>& candidates, const Candidate* reference,
                       std::span<const Sequence> sequences, std::int64_t tokens, std::int64_t wave_bytes) {
  std::int64_t steps_per_token = 1;  // the head, then every block of every candidate
  for (const Candidate& c : candidates) steps_per_token += c.model->n_blocks();
  Progress progress("evaluating", tokens, "tokens", steps_per_token);
  const std::int64_t most_tokens = most_wave_tokens(candidates, wave_bytes);
  for (std::span<const Sequence> rest = sequences; !rest.empty();) {
    const std::vector<Batch> wave = take_wave(rest, most_tokens);
    for (Candidate& c : candidates) SC_TRY(run_blocks(c, wave, progress));
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
