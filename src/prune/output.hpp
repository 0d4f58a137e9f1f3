#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "checkpoint/export.hpp"
#include "model/decoder_block.hpp"
#include "sparsity/plan.hpp"

namespace sparsecim {

/// What the sparse checkpoint's safetensors header says of the plan that it was pruned by.
std::map<std::string, std::string> plan_metadata(const Plan& plan);

/// What pruning changes: zeros among the source's values, or the values themselves.
enum class Change { kZeros, kValues };

/// The sparse checkpoint that pruning writes, block after block. It can be gone on with: a run that was stopped leaves
/// what it wrote and, in "resume/", the number of finished blocks and the hidden states in front of the next one
/// (docs/formats/checkpoints.md).
class PruneOutput {
 public:
  /// A new checkpoint in `directory`, which exists. `metadata` goes into model.safetensors. Errors: CheckpointWriter's.
  static Result<PruneOutput> create(const Checkpoint& source, const std::filesystem::path& directory,
                                    const std::map<std::string, std::string>& metadata);
  /// The same, going on where an earlier run of the same `job` stopped in `directory`, if one did; `job` is whatever
  /// the result depends on. At most `save_share` of the time goes into saving states. Errors also: an earlier run of
  /// another job, or files of it that are damaged; with `restart` these are dropped.
  static Result<PruneOutput> resume(const Checkpoint& source, const std::filesystem::path& directory,
                                    const std::map<std::string, std::string>& metadata, const std::string& job,
                                    bool restart, double save_share = 0.1);

  /// Blocks that are written: pruning begins behind them.
  std::int64_t finished_blocks() const { return finished_blocks_; }
  /// What a reader must know, kept with the blocks: numeric trouble.
  void note(std::string note) { notes_.push_back(std::move(note)); }
  const std::vector<std::string>& notes() const { return notes_; }
  /// Blocks that a later process need not prune again.
  std::int64_t saved_blocks() const { return saved_blocks_; }
  /// The hidden states in front of the next block, one for each batch, as they were told; taken out. Empty at the
  /// start.
  std::vector<at::Tensor> take_states() { return std::move(states_); }

  /// Writes the next block: the source's values with zeros where `pruned` has them, whatever type it computes in, or
  /// its own values, rounded to the type that the source's tensors have.
  Result<void> write(const DecoderBlock& pruned, Change change);
  /// Keeps `states`, in front of the next block, for a later process; not each time where that would take long.
  Result<void> save(const std::vector<at::Tensor>& states);
  /// Writes the rest: then the directory is a checkpoint, and nothing to go on with.
  Result<void> commit();

 private:
  PruneOutput(const Checkpoint& source, std::filesystem::path directory, CheckpointWriter writer, std::string job);

  const Checkpoint* source_;
  std::filesystem::path directory_;
  CheckpointWriter writer_;
  std::string job_;  // its SHA-256; empty: nothing is kept
  std::int64_t finished_blocks_ = 0, saved_blocks_ = 0;
  std::vector<at::Tensor> states_;
  std::vector<std::string> notes_;
  std::chrono::steady_clock::time_point last_save_ = std::chrono::steady_clock::now();
  double save_seconds_ = 0;  // what the last save took
  double save_share_ = 0;
};

}  // namespace sparsecim
