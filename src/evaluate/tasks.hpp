#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "model/llama.hpp"
#include "text/questions.hpp"
#include "text/tokenizer.hpp"

namespace sparsecim {

/// A mean over questions, with the standard error that comes from there being so many of them and not more.
struct Estimate {
  double value = 0;
  std::optional<double> standard_error;  // none: a single question tells nothing of it
};

/// What a model makes of one question.
struct Answer {
  std::vector<double> log_likelihoods;  // of each continuation behind the context, natural logarithm
  std::vector<bool> likeliest;          // whether each of the continuation's tokens is the likeliest there
};

struct TaskResult {
  Task task = Task::kHellaSwag;
  std::vector<Answer> answers;         // of each question
  Estimate accuracy;                   // HellaSwag: of the likeliest ending; LAMBADA: of the likeliest tokens
  std::optional<Estimate> by_length;   // HellaSwag: of the ending that is likeliest per character
  std::optional<Estimate> perplexity;  // LAMBADA: exp of the mean nats of a last word
  std::int64_t cut = 0;                // contexts that lost their beginning, being longer than the model allows
  std::int64_t tokens = 0;             // that went through the model
  double seconds = 0;                  // of computing, without loading
};

/// task, questions, accuracy, accuracy_stderr; accuracy_by_length, perplexity, each with _stderr; cut_contexts, tokens,
/// seconds, tokens_per_second; answers.
Json to_json(const TaskResult& result);

/// Asks `model` questions of `task` as lm-evaluation-harness does (docs/formats/tasks.md): every continuation, behind a
/// space, is scored by the sum of the log-likelihoods of its tokens. Memory: one block at a time of a model that reads
/// them when asked, and about `wave_bytes` of hidden states. Errors: no question; a continuation that has no token of
/// its own or is longer than the model's positions; a loss that is not finite; interrupted.
Result<TaskResult> evaluate_task(const Llama& model, const Tokenizer& tokenizer, Task task,
                                 std::span<const Question> questions, std::int64_t wave_bytes = std::int64_t{1} << 30);

}  // namespace sparsecim
