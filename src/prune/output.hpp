#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "checkpoint/export.hpp"
#include "prune/resume.hpp"
#include "sparsity/plan.hpp"

namespace sparsecim {

/// What the sparse checkpoint's safetensors header says of the plan that it was pruned by.
std::map<std::string, std::string> plan_metadata(const Plan& plan);

/// What pruning changes: zeros among the source's values, or the values themselves.
enum class Change { kZeros, kValues };

/// The checkpoint that pruning or projecting writes, block after block. A run that was stopped can be gone on with.
class PruneOutput {
 public:
  /// A new checkpoint in `directory`, which exists. `metadata` goes into model.safetensors.
  /// Matrices of `factored` are written as Monarch factors, which write() must be given. REQUIRES and errors:
  /// CheckpointWriter's.
  static Result<PruneOutput> create(const Checkpoint& source, const std::filesystem::path& directory,
                                    const std::map<std::string, std::string>& metadata,
                                    const CheckpointWriter::Factored& factored = {});
  /// The same, going on where an earlier run of the same `job` stopped in `directory`, if one did (then with that run's
  /// metadata); `job` is whatever the result depends on. At most `save_share` of the time goes into keeping states.
  /// Errors also: those of resume_progress.
  static Result<PruneOutput> resume(const Checkpoint& source, const std::filesystem::path& directory,
                                    const std::map<std::string, std::string>& metadata, const std::string& job,
                                    bool replace, double save_share = 0.1);

  /// One that writes nothing: of several processes that prune alike the first one writes.
  static PruneOutput nowhere(const Checkpoint& source) { return PruneOutput(source, {}, std::nullopt); }

  const Checkpoint& source() const { return *source_; }
  /// Blocks that are written: pruning begins behind them.
  std::int64_t finished_blocks() const { return progress_.finished_blocks; }
  /// The hidden states in front of the next block, as they were told to save(); taken out. Empty at the start.
  std::vector<at::Tensor> take_states() { return std::exchange(progress_.states, {}); }
  /// Weights of the finished blocks' matrices that were written as zero, whoever made them so.
  std::int64_t zeros() const { return progress_.zeros; }
  /// What a reader must know, kept with the blocks: numeric trouble.
  void note(std::string note) { progress_.notes.push_back(std::move(note)); }
  const std::vector<std::string>& notes() const { return progress_.notes; }
  /// Blocks that a later process need not prune again.
  std::int64_t saved_blocks() const { return saved_blocks_; }
  /// What was made of a block. Its error, unless the run was interrupted or the machine failed, is one of the model,
  /// the plan or the text: the same job would meet it again.
  template <class T>
  Result<T> made(Result<T> result) {
    if (!result) judge(result.error());
    return result;
  }
  /// Whether a later process can come further than this one.
  bool can_be_gone_on_with() const { return saved_blocks_ > 0 && !hopeless_; }

  /// Writes the next block. `pruned` are those of its matrices that changed, by their tensors' names: the source's
  /// values with zeros where they are zero, whatever type they have, or their own, rounded to the type that is written.
  /// Errors: a value that this type does not hold.
  Result<void> write(const std::map<std::string, at::Tensor>& pruned, Change change);
  /// Keeps `states`, in front of the next block, for a later process; not each time where that would take long. That it
  /// cannot be done costs a line on stderr, not the run.
  void save(const std::vector<at::Tensor>& states);
  /// Writes the rest: then the directory is a checkpoint. What resume() needs stays for a later forget_progress().
  Result<void> commit();

 private:
  PruneOutput(const Checkpoint& source, std::filesystem::path directory, std::optional<CheckpointWriter> writer)
      : source_(&source), directory_(std::move(directory)), writer_(std::move(writer)) {}
  Result<void> keep(const std::vector<at::Tensor>& states);
  void judge(const Error& error);

  const Checkpoint* source_;
  std::filesystem::path directory_;
  std::optional<CheckpointWriter> writer_;  // none: an earlier run has written everything, or nowhere()
  std::optional<std::string> job_;          // none: nothing is kept
  PruneProgress progress_;
  std::int64_t saved_blocks_ = 0;
  bool hopeless_ = false;
  double save_share_ = 0;
  double save_seconds_ = 0;  // what the last save took
  std::chrono::steady_clock::time_point last_save_ = std::chrono::steady_clock::now();
};

}  // namespace sparsecim
