#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "monarch/monarch.hpp"
#include "sparsity/pattern.hpp"

namespace sparsecim {

/// What was counted on a real weight matrix [n_outputs, n_inputs]: every machine's events follow from these numbers,
/// whatever pattern it stores the matrix in.
struct MaskStatistics {
  std::int64_t nonzero = 0;   // weights that the mask keeps
  std::int64_t one_bits = 0;  // ones among the bits of all weights, as 8-bit two's complement
  /// The most weights kept in any aligned group of kGroupSizes[i] inputs of one row: N':M' holds the mask if and only
  /// if most_kept of M' <= N'.
  static constexpr std::array<int, 4> kGroupSizes = {2, 4, 8, 16};
  std::array<int, 4> most_kept = {2, 4, 8, 16};
  /// Of the aligned parts of kRowPart inputs of all rows: those that 1:4 holds, that 2:4 holds and 1:4 does not, and
  /// the others. All 0: not counted.
  static constexpr std::int64_t kRowPart = 64;
  std::array<std::int64_t, 3> row_parts = {};
  /// The most pairs of inputs (2p, 2p+1) that kSharingOutputs[g] outputs, from a multiple of that on, need between them
  /// in any aligned group of kGroupSizes[i] inputs: of each pair as many as one of them keeps at most, 0 to 2, summed.
  static constexpr std::array<int, 6> kSharingOutputs = {2, 4, 8, 16, 32, 64};
  std::array<std::array<int, 4>, 6> most_pairs = {
      {{2, 4, 8, 16}, {2, 4, 8, 16}, {2, 4, 8, 16}, {2, 4, 8, 16}, {2, 4, 8, 16}, {2, 4, 8, 16}}};

  /// Pairs that `outputs` need in `inputs`; all of them where that was not counted.
  int pairs_needed(std::int64_t outputs, int inputs) const;
};

/// Counts `weights`, [n_outputs, n_inputs] row-major, quantised by row to 8 bits (symmetric, the row's largest
/// magnitude is 127). REQUIRES: n_inputs > 0 divides weights.size(); all values finite.
MaskStatistics mask_statistics(std::span<const float> weights, std::int64_t n_inputs);

/// How often the 8-bit operands change, which is what digital logic pays for. Activations enter bit plane by bit plane,
/// most significant first, token after token; the defaults are assumptions, activity_of() (activity.hpp) measures.
struct Activity {
  double weight_ones = 0.5;  // share of ones among the bits of kept weights; unused where the operation has `weights`
  double activation_toggle = 0.5;  // share of activation bits that differ from the bit plane before
  /// The same where lines hold still in planes that are all zeros for their group of kPlaneGroup inputs.
  double held_toggle = 0.5;
  double zero_planes = 0;    // share of (plane, group of kPlaneGroup inputs) that are all zeros
  double idle_planes = 0;    // share of those that follow upon another one: nothing changes
  double word_toggle = 0.5;  // share of the bits of an input that differ from the token before, for lines of words
  bool measured = false;     // the figures of activations
  static constexpr std::int64_t kPlaneGroup = 128;

  /// Of groups of `inputs` inputs, taking groups of kPlaneGroup to be zero independently of each other.
  Activity of_groups(std::int64_t inputs) const;
};

/// The keys of an attention product, and which of them its queries see.
struct Keys {
  /// P V sums over the keys (n_inputs of them); Q K^T has an output for each (n_outputs).
  bool along_inputs = false;
  /// Positions that every step adds: a key each, and as many queries, which see themselves and what was before them.
  /// 0: every query of every step sees all keys.
  std::int64_t per_step = 0;
};

/// One matrix product: [n_tokens, n_inputs] x [n_inputs, n_outputs]; where keys grow, as it is in the first step.
struct Operation {
  enum class Kind {
    kLinear,     // weights are stationary
    kAttention,  // both operands are activations (Q K^T, P V): on the digital vector unit, or written into macros
  };
  std::string name = {};  // "model.layers.3.mlp.up_proj"
  Kind kind = Kind::kLinear;
  std::int64_t n_tokens = 1, n_inputs = 1, n_outputs = 1;
  /// Times that it is done, one after the other: decode steps (with the same weights); for attention also heads and
  /// sequences.
  std::int64_t count = 1;
  Pattern pattern = {};                        // of the real mask; dense where there is none
  std::optional<MonarchShape> monarch = {};    // stored as these two factors; none: as the whole matrix
  std::optional<MaskStatistics> weights = {};  // absent: follows from `pattern` and `activity`
  Activity activity = {};
  /// Of `count`, how many wait for nothing of each other (attention: heads and sequences of one step). Divides count.
  std::int64_t independent = 1;
  Keys keys = {};
  /// Activations that must be kept while this runs, beside its own inputs and outputs: the residual stream, outputs of
  /// the operations before that somebody still needs.
  std::int64_t held_values = 0;
  bool shares_inputs = false;  // reads what the operation before it reads, so that the two can run side by side

  /// Times that it is done one after the other.
  std::int64_t steps() const { return count / independent; }
  /// As it is in one step (counted from 0): `count` is what is independent. REQUIRES: step < steps().
  Operation step(std::int64_t step) const;
  std::int64_t n_keys() const { return keys.along_inputs ? n_inputs : n_outputs; }
  /// Of one product in the first step: rows of inputs times keys that they see.
  std::int64_t visible_pairs() const {
    return n_tokens * n_keys() - n_tokens * std::max<std::int64_t>(0, keys.per_step - 1) / 2;
  }
  /// Multiply-accumulates of the dense product, over all `count` times; of attention those of visible keys.
  std::int64_t dense_macs() const;
  /// Weights that are not zero: counted, or every slot of the pattern.
  std::int64_t nonzero_weights() const;
  /// Ones among the bits of the whole matrix: counted, or declared by activity.weight_ones.
  double weight_one_bits() const;
};

/// What a machine is asked to run, in order. Plain data; knows no checkpoint and no machine.
struct Workload {
  std::string name = {};      // "SmolLM2-135M, prefill of 512 tokens"
  std::int64_t n_tokens = 1;  // processed (prefill) or produced (decode) by the whole of it: for figures per token
  std::vector<Operation> operations = {};
};

/// Errors: no operation, sizes below 1 or so large that counting could overflow, shares outside [0, 1], statistics that
/// contradict the shape; the operation's name is in front of each.
Result<void> validate(const Workload& workload);

}  // namespace sparsecim
