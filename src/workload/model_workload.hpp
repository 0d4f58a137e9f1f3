#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "checkpoint/checkpoint.hpp"
#include "hardware/workload.hpp"
#include "sparsity/plan.hpp"
#include "workload/shapes.hpp"

namespace sparsecim {

enum class Phase {
  kPrefill,  // all tokens of a sequence at once; of an encoder-decoder, the encoder and what the decoder keeps of it
  kDecode,   // one token after the other
};
std::string_view name(Phase phase);
/// "prefill" or "decode". Errors: anything else.
Result<Phase> parse_phase(std::string_view text);

/// What to run a model on.
struct WorkloadRequest {
  Phase phase = Phase::kPrefill;
  /// Of each sequence, read (prefill; default 512, or as many as there are positions) or written (decode; default 1).
  std::optional<std::int64_t> tokens = {};
  /// Of each sequence, processed before: default 0 for prefill and 512 for decode, or as many as the positions leave.
  /// For an encoder-decoder that decodes: the tokens that the encoder read.
  std::optional<std::int64_t> context = {};
  std::int64_t batch = 1;  // sequences
  bool head = true;        // with the matrices behind the last layer
};

/// What is said of the zeros of the layers' matrices; at most one of both. Neither: dense for shapes, what the real
/// zeros are for a checkpoint.
struct SparsityRequest {
  std::optional<Plan> plan = {};
  std::optional<Pattern> pattern = {};
};

struct ModelWorkload {
  Workload workload;
  WorkloadRequest request;         // as it was resolved: nothing is left to a default
  std::vector<std::string> notes;  // what a reader must know: defaults, masks that had to be made
};

/// The operations, in the order of computing: every layer's matrices as dense linear operations with their pattern,
/// attention products (a causal query sees the keys before it and its own, so that every decoded token sees one more;
/// heads that share their keys are one operation), the head for one token of every sequence. Embedding look-ups, norms,
/// softmax and RWKV's recurrence are no matrix products and left out. Errors: a phase that the model does not have,
/// more tokens than positions, sizes out of range; a plan of another model, by matrix.
Result<ModelWorkload> workload_from_shapes(const ModelShapes& shapes, const SparsityRequest& sparsity,
                                           const WorkloadRequest& request);

/// The same with what is counted on the real weights: zeros, and one bits after rounding each row to 8 bits. A matrix
/// whose zeros do not satisfy the pattern that is asked for (a dense checkpoint) is masked by magnitude first, which
/// the notes say. Reads one matrix per thread at a time. Matrices that are stored as Monarch factors are operations on
/// these. Errors also: the checkpoint's; a pattern or plan for a model with factors.
Result<ModelWorkload> workload_from_checkpoint(const Checkpoint& checkpoint, const std::string& model_name,
                                               const SparsityRequest& sparsity, const WorkloadRequest& request);

}  // namespace sparsecim
