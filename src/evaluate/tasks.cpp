#include "evaluate/tasks.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/interrupt.hpp"
#include "base/progress.hpp"
#include "evaluate/waves.hpp"
#include "text/utf8.hpp"

namespace sparsecim {
namespace {

/// A continuation behind its context, and whose it is.
struct EncodedChoice {
  std::size_t question, continuation;
  Sequence ids;
  std::size_t first = 0;  // of the continuation, in `ids`

  Prediction prediction() const { return {.ids = ids, .first = first}; }
};

/// The ids of both together, of which those behind the context's own are the continuation's. Spaces at the context's
/// end belong to the continuation, since tokens begin with them (lm-evaluation-harness, `_encode_pair`). BOS stands in
/// front where the model's tokenizer puts it there.
Result<EncodedChoice> encode_choice(const Tokenizer& tokenizer, std::string_view context,
                                    std::string_view continuation) {
  const std::size_t spaces = trailing_white_space(context);
  const std::string_view before = context.substr(0, context.size() - spaces);
  const std::string both = fmt::format("{} {}", context, continuation);
  EncodedChoice choice{};
  SC_TRY_ASSIGN(choice.ids, tokenizer.encode(before));
  SC_TRY_ASSIGN(const std::vector<TokenId> whole, tokenizer.encode(both));
  choice.first = choice.ids.size();
  if (whole.size() <= choice.first) return fail("'{}' has no token of its own behind its context", continuation);
  choice.ids.insert(choice.ids.end(), whole.begin() + static_cast<std::ptrdiff_t>(choice.first), whole.end());
  if (const Vocabulary& vocabulary = tokenizer.vocabulary(); vocabulary.add_bos) {
    choice.ids.insert(choice.ids.begin(), vocabulary.bos.value());
    ++choice.first;
  }
  if (choice.first == 0) return fail("the context has no token, so nothing predicts '{}'", continuation);
  return choice;
}

/// Takes away from the context's beginning what the model has no positions for. Gives whether there was any.
Result<bool> cut(EncodedChoice& choice, std::int64_t positions) {
  const std::int64_t excess = std::ssize(choice.ids) - 1 - positions;
  if (excess <= 0) return false;
  if (static_cast<std::int64_t>(choice.first) <= excess)
    return fail("a continuation of {} tokens is longer than the model's {} positions", choice.ids.size() - choice.first,
                positions);
  choice.ids.erase(choice.ids.begin(), choice.ids.begin() + excess);
  choice.first -= static_cast<std::size_t>(excess);
  return true;
}

/// All continuations of all questions, the longest first: those of about one length then share a batch, and what does
/// not fit into memory is known at once. `cut_contexts`: how many questions lost the beginning of their context.
Result<std::vector<EncodedChoice>> encode_all(const Tokenizer& tokenizer, std::span<const Question> questions,
                                              std::int64_t positions, std::int64_t& cut_contexts) {
  std::vector<EncodedChoice> choices;
  for (std::size_t q = 0; q < questions.size(); ++q) {
    SC_TRY(check_interrupt());
    bool was_cut = false;
    for (std::size_t c = 0; c < questions[q].continuations.size(); ++c) {
      const std::string place = fmt::format("question {}", q + 1);
      SC_TRY_ASSIGN(EncodedChoice choice,
                    within(place, encode_choice(tokenizer, questions[q].context, questions[q].continuations[c])));
      SC_TRY_ASSIGN(const bool shorter, within(place, cut(choice, positions)));
      was_cut = was_cut || shorter;
      choice.question = q;
      choice.continuation = c;
      choices.push_back(std::move(choice));
    }
    cut_contexts += was_cut;
  }
  std::ranges::stable_sort(choices, std::ranges::greater{},
                           [](const EncodedChoice& choice) { return choice.ids.size(); });
  return choices;
}

/// What the model says of each predicted token: its logarithm, and whether no other is likelier.
struct TokenScores {
  std::vector<float> log_likelihoods;
  std::vector<bool> likeliest;
};

TokenScores score_tokens(const Llama& model, const Batch& batch, const at::Tensor& states, double& seconds) {
  TokenScores scores;
  const at::Tensor targets = batch.targets.to(states.device()).unsqueeze(1);
  for (std::int64_t begin = 0; begin < targets.size(0); begin += kLogitRows) {
    const std::int64_t rows = std::min(kLogitRows, targets.size(0) - begin);
    const at::Tensor log_p = log_probabilities(model, states, begin, rows, seconds);
    const at::Tensor wanted = targets.narrow(0, begin, rows);
    const at::Tensor values = log_p.gather(1, wanted).to(at::kCPU).contiguous();
    const at::Tensor hits = (log_p.argmax(-1, true) == wanted).to(at::kCPU).contiguous();
    scores.log_likelihoods.insert(scores.log_likelihoods.end(), values.const_data_ptr<float>(),
                                  values.const_data_ptr<float>() + rows);
    scores.likeliest.insert(scores.likeliest.end(), hits.const_data_ptr<bool>(), hits.const_data_ptr<bool>() + rows);
  }
  return scores;
}

/// Gives the predicted tokens of a batch to the answers that they belong to. `choices`: those of the batch.
void add_scores(const TokenScores& scores, std::span<const EncodedChoice> choices, std::vector<Answer>& answers) {
  std::size_t row = 0;
  for (const EncodedChoice& choice : choices) {
    double sum = 0;
    bool likeliest = true;
    for (std::size_t end = row + choice.ids.size() - choice.first; row < end; ++row) {
      sum += scores.log_likelihoods[row];
      likeliest = likeliest && scores.likeliest[row];
    }
    answers[choice.question].log_likelihoods[choice.continuation] = sum;
    answers[choice.question].likeliest[choice.continuation] = likeliest;
  }
}

Result<void> answer_all(const Llama& model, std::span<const EncodedChoice> choices, std::int64_t wave_bytes,
                        TaskResult& result) {
  std::vector<Prediction> predictions;
  for (const EncodedChoice& choice : choices) {
    predictions.push_back(choice.prediction());
    result.tokens += predictions.back().inputs();
  }
  Progress progress("answering", result.tokens, "tokens", model.n_blocks() + 1);  // the blocks, then the head
  for (std::span<const Prediction> rest = predictions; !rest.empty();) {
    const std::vector<Batch> wave = take_wave(rest, wave_bytes / (4 * model.config().hidden_size));
    SC_TRY_ASSIGN(const std::vector<at::Tensor> states, run_blocks(model, wave, result.seconds, progress));
    for (std::size_t b = 0; b < wave.size(); ++b) {
      SC_TRY(check_interrupt());
      const auto count = static_cast<std::size_t>(wave[b].ids.size(0));
      add_scores(score_tokens(model, wave[b], states[b], result.seconds), choices.first(count), result.answers);
      SC_TRY(check_arithmetic(model));
      choices = choices.subspan(count);
      progress.advance(wave[b].inputs);
    }
  }
  return {};
}

/// Mean and its standard error, from the sample's variance (n - 1).
Estimate estimate(const std::vector<double>& values) {
  const auto n = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  if (values.size() < 2) return {mean, std::nullopt};
  return {mean, std::sqrt(squares / (n - 1) / n)};
}

/// Unicode code points, which is what Python's len() counts.
std::int64_t characters(std::string_view text) {
  return std::ranges::count_if(text, [](char byte) { return (static_cast<unsigned char>(byte) & 0xC0) != 0x80; });
}

std::size_t index_of_largest(const std::vector<double>& values) {
  return static_cast<std::size_t>(std::ranges::max_element(values) - values.begin());  // of equals the first
}

void summarise_choices(std::span<const Question> questions, TaskResult& result) {
  std::vector<double> right, right_by_length;
  for (std::size_t q = 0; q < questions.size(); ++q) {
    std::vector<double> log_likelihoods = result.answers[q].log_likelihoods;
    right.push_back(index_of_largest(log_likelihoods) == questions[q].answer);
    for (std::size_t c = 0; c < log_likelihoods.size(); ++c)
      log_likelihoods[c] /= static_cast<double>(characters(questions[q].continuations[c]));
    right_by_length.push_back(index_of_largest(log_likelihoods) == questions[q].answer);
  }
  result.accuracy = estimate(right);
  result.by_length = estimate(right_by_length);
}

void summarise_words(TaskResult& result) {
  std::vector<double> right, nats;
  for (const Answer& answer : result.answers) {
    right.push_back(answer.likeliest[0]);
    nats.push_back(-answer.log_likelihoods[0]);
  }
  result.accuracy = estimate(right);
  const Estimate mean = estimate(nats);
  // To first order: d exp(x) = exp(x) dx.
  result.perplexity = Estimate{std::exp(mean.value), std::nullopt};
  if (mean.standard_error) result.perplexity->standard_error = std::exp(mean.value) * *mean.standard_error;
}

Result<void> check_finite(const std::vector<Answer>& answers) {
  for (const Answer& answer : answers)
    for (const double log_likelihood : answer.log_likelihoods)
      if (!std::isfinite(log_likelihood))
        return fail("the model's loss is not finite: its weights or the type it computes in are broken");
  return {};
}

void put(Json& json, const std::string& key, const Estimate& estimate) {
  json[key] = estimate.value;
  if (estimate.standard_error) json[key + "_stderr"] = *estimate.standard_error;
}

}  // namespace

Json to_json(const TaskResult& result) {
  Json json = {{"task", name(result.task)}, {"questions", result.answers.size()}};
  put(json, "accuracy", result.accuracy);
  if (result.by_length) put(json, "accuracy_by_length", *result.by_length);
  if (result.perplexity) put(json, "perplexity", *result.perplexity);
  json["cut_contexts"] = result.cut;
  json["tokens"] = result.tokens;
  json["seconds"] = result.seconds;
  json["tokens_per_second"] = result.seconds > 0 ? static_cast<double>(result.tokens) / result.seconds : 0;
  Json& answers = json["answers"] = Json::array();
  for (const Answer& answer : result.answers)
    answers.push_back({{"log_likelihoods", answer.log_likelihoods}, {"likeliest", answer.likeliest}});
  return json;
}

Result<TaskResult> evaluate_task(const Llama& model, const Tokenizer& tokenizer, Task task,
                                 std::span<const Question> questions, std::int64_t wave_bytes) {
  if (questions.empty()) return fail("there is no question");
  TaskResult result{.task = task, .answers = {}};
  for (const Question& question : questions) {
    const std::size_t n = question.continuations.size();
    result.answers.push_back({std::vector<double>(n), std::vector<bool>(n)});
  }
  SC_TRY_ASSIGN(const std::vector<EncodedChoice> choices,
                encode_all(tokenizer, questions, model.config().max_positions, result.cut));
  SC_TRY(guarded([&] { return answer_all(model, choices, wave_bytes, result); }));
  SC_TRY(check_finite(result.answers));
  task == Task::kHellaSwag ? summarise_choices(questions, result) : summarise_words(result);
  return result;
}

}  // namespace sparsecim
