#include "workload/masks.hpp"

#include <fmt/ranges.h>

#include <atomic>
#include <functional>
#include <mutex>

#include "base/check.hpp"
#include "base/interrupt.hpp"
#include "base/progress.hpp"
#include "base/threads.hpp"
#include "sparsity/mask.hpp"

namespace sparsecim {
namespace {

/// Visits every matrix of the layers by its whole name.
void for_each_matrix(const ModelShapes& shapes,
                     const std::function<void(const std::string& name, const ShapedMatrix& matrix)>& visit) {
  for (const auto* stack : {&shapes.encoder, &shapes.decoder}) {
    if (!*stack) continue;
    for (std::int64_t layer = 0; layer < (*stack)->n_layers; ++layer)
      for (const auto* matrices : {&(*stack)->matrices, &(*stack)->source_matrices})
        for (const ShapedMatrix& matrix : *matrices) visit(name_in_layer(**stack, layer, matrix.name), matrix);
  }
}

Result<Pattern> planned_pattern(const Plan& plan, const std::string& name, const ShapedMatrix& matrix) {
  const PlannedMatrix* planned = plan.find(name);
  const Remedy remedy{"use a plan that was made for this model"};
  if (!planned) return fail(remedy, "the plan says nothing about '{}'", name);
  if (planned->n_out != matrix.n_out || planned->n_in != matrix.n_in)
    return fail(remedy, "the plan has '{}' as [{}, {}], the model as [{}, {}]", name, planned->n_out, planned->n_in,
                matrix.n_out, matrix.n_in);
  return planned->pattern;
}

Result<void> check_nothing_else(const Plan& plan, const Masks& masks) {
  for (const PlannedMatrix& matrix : plan.matrices)
    if (!masks.contains(matrix.name))
      return fail(Remedy{"use a plan that was made for this model"}, "the plan has '{}', which the model has not",
                  matrix.name);
  return {};
}

/// Every N:M of these M, so that zeros of any kind find their tightest description.
std::vector<Pattern> detectable_patterns() {
  std::vector<Pattern> patterns;
  for (const int m : {2, 4, 8, 16})
    for (int n = 1; n < m; ++n) patterns.push_back({n, m});
  return patterns;
}

struct Counted {
  MatrixMask mask;
  bool made = false;  // the mask is ours: the weights did not have the requested zeros
};

/// Masks by magnitude where the zeros do not satisfy the requested pattern; without one, finds what they satisfy.
Result<Counted> count_matrix(std::span<float> weights, std::int64_t n_in, std::optional<Pattern> requested) {
  static const std::vector<Pattern> kDetectable = detectable_patterns();
  Counted counted;
  if (!requested) {
    counted.mask.pattern = zero_statistics(weights, n_in, kDetectable).sparsest();
  } else {
    counted.mask.pattern = *requested;
    counted.made = zero_statistics(weights, n_in, {&*requested, 1}).satisfied.empty();
    if (counted.made) SC_TRY(apply_nm(weights, n_in, {}, *requested));
  }
  counted.mask.counted = mask_statistics(weights, n_in);
  return counted;
}

/// One matrix to count: its name in the workload and its tensor.
struct Job {
  std::string name;
  const TensorInfo* tensor;
  std::optional<Pattern> requested;
};

Result<Counted> count_tensor(const Checkpoint& checkpoint, const Job& job) {
  SC_TRY(check_interrupt());
  std::vector<float> weights(static_cast<std::size_t>(job.tensor->elements()));
  SC_TRY(checkpoint.read(*job.tensor, weights));
  return within(job.name, count_matrix(weights, job.tensor->shape[1], job.requested));
}

/// Job after job to whichever thread is free. The error is that of the first job that failed.
Result<std::vector<Counted>> count_all(const Checkpoint& checkpoint, const std::vector<Job>& jobs) {
  std::vector<Result<Counted>> results(jobs.size());
  std::atomic<std::size_t> next = 0;
  std::atomic<bool> failed = false;
  std::mutex reporting;
  Progress progress("counting zeros and bits", static_cast<std::int64_t>(jobs.size()), "matrices");
  parallel_for(thread_count(), [&](std::int64_t, std::int64_t) {
    for (std::size_t j = next++; j < jobs.size() && !failed; j = next++) {
      results[j] = count_tensor(checkpoint, jobs[j]);
      if (!results[j]) failed = true;
      const std::lock_guard lock(reporting);
      progress.advance(1);
    }
  });
  std::vector<Counted> counted;
  for (Result<Counted>& result : results) {
    SC_TRY_ASSIGN(counted.emplace_back(), std::move(result));
  }
  return counted;
}

const TensorInfo& tensor_of(const Checkpoint& checkpoint, const std::string& name) {
  const TensorInfo* tensor = checkpoint.find(name + ".weight");
  SC_CHECK(tensor && tensor->shape.size() == 2);  // open_checkpoint has made sure
  return *tensor;
}

/// "120 x 2:4, 90 x dense", in the order of first appearance.
std::string tally(const std::vector<Counted>& counted, std::size_t n_layer_matrices) {
  std::vector<std::pair<Pattern, int>> counts;
  for (std::size_t j = 0; j < n_layer_matrices; ++j) {
    const Pattern pattern = counted[j].mask.pattern;
    const auto found = std::ranges::find(counts, pattern, &std::pair<Pattern, int>::first);
    if (found == counts.end())
      counts.emplace_back(pattern, 1);
    else
      ++found->second;
  }
  std::vector<std::string> words;
  for (const auto& [pattern, count] : counts) words.push_back(fmt::format("{} x {}", count, pattern.name()));
  return fmt::format("{}", fmt::join(words, ", "));
}

void note_what_was_found(const std::vector<Counted>& counted, std::size_t n_layer_matrices,
                         const SparsityRequest& sparsity, std::vector<std::string>& notes) {
  if (n_layer_matrices == 0) return;
  if (!sparsity.plan && !sparsity.pattern)
    return notes.push_back(fmt::format("patterns found in the zeros: {}", tally(counted, n_layer_matrices)));
  const auto made = std::ranges::count_if(counted, &Counted::made);
  if (made > 0)
    notes.push_back(
        fmt::format("{} of {} matrices do not have the zeros of their pattern: masked by magnitude to count "
                    "their bits",
                    made, n_layer_matrices));
}

}  // namespace

Result<Masks> masks_from_request(const ModelShapes& shapes, const SparsityRequest& sparsity) {
  SC_CHECK(!sparsity.plan || !sparsity.pattern);
  Masks masks;
  Result<void> outcome;
  for_each_matrix(shapes, [&](const std::string& name, const ShapedMatrix& matrix) {
    Result<Pattern> pattern = sparsity.plan ? planned_pattern(*sparsity.plan, name, matrix)
                                            : Result<Pattern>(sparsity.pattern.value_or(Pattern{}));
    if (!pattern && outcome) outcome = tl::unexpected(pattern.error());
    if (pattern) masks[name].pattern = *pattern;
  });
  SC_TRY(outcome);
  if (sparsity.plan) SC_TRY(check_nothing_else(*sparsity.plan, masks));
  return masks;
}

Result<Masks> masks_from_checkpoint(const Checkpoint& checkpoint, const ModelShapes& shapes,
                                    const SparsityRequest& sparsity, bool head, std::vector<std::string>& notes) {
  SC_TRY_ASSIGN(Masks masks, masks_from_request(shapes, sparsity));
  const bool requested = sparsity.plan || sparsity.pattern;
  if (requested) SC_TRY(require_dense(checkpoint.config(), "have no N:M patterns"));
  const auto& monarch = checkpoint.config().monarch;
  std::vector<Job> jobs;
  for_each_matrix(shapes, [&](const std::string& name, const ShapedMatrix&) {
    if (const auto found = monarch.find(name); found != monarch.end()) {
      masks[name].monarch = found->second;
      return;
    }
    const std::optional<Pattern> pattern = requested ? std::optional(masks[name].pattern) : std::nullopt;
    jobs.push_back({name, &tensor_of(checkpoint, name), pattern});
  });
  const std::size_t n_layer_matrices = jobs.size();
  if (!monarch.empty()) notes.push_back(fmt::format("{} matrices are stored as Monarch factors", monarch.size()));
  if (head) {
    const char* tensor = checkpoint.config().tied_embeddings ? "model.embed_tokens" : "lm_head";
    jobs.push_back({shapes.head.front().name, &tensor_of(checkpoint, tensor), Pattern{}});
  }
  SC_TRY_ASSIGN(const std::vector<Counted> counted, count_all(checkpoint, jobs));
  for (std::size_t j = 0; j < jobs.size(); ++j) masks[jobs[j].name] = counted[j].mask;
  note_what_was_found(counted, n_layer_matrices, sparsity, notes);
  return masks;
}

}  // namespace sparsecim
