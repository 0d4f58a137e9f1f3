#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace sparsecim {

/// How far a run of prune is: what a later process needs to go on with it.
struct PruneProgress {
  std::int64_t finished_blocks = 0;
  std::int64_t zeros = 0;                       // among the weights of these blocks' matrices
  std::map<std::string, std::string> metadata;  // of the checkpoint's header, which must not change on the way
  std::vector<std::string> notes;
  std::vector<at::Tensor> states;  // hidden states in front of the next block, one for each batch; empty: none needed
};

// The files in "resume/" of a directory that prune fills (docs/formats/checkpoints.md). progress.json is the first
// thing that is written there: a directory without it is nobody's to go on with.

/// What an earlier run of `job` left in `directory`. If none did: `beginning`, and the directory is empty but for it.
/// With `replace` a run of another job, or a damaged one, is dropped. Errors: such a run without `replace`; a directory
/// that holds something else.
Result<PruneProgress> resume_progress(const std::filesystem::path& directory, const std::string& job,
                                      PruneProgress beginning, bool replace);

/// Keeps `progress`, complete or not at all.
Result<void> save_progress(const std::filesystem::path& directory, const std::string& job,
                           const PruneProgress& progress);

/// Removes the files, when the result stands under its name and there is nothing to go on with.
Result<void> forget_progress(const std::filesystem::path& directory);

}  // namespace sparsecim
