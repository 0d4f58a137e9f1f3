#pragma once

#include <cstdint>
#include <vector>

#include "hardware/components/adder_tree.hpp"
#include "hardware/machine.hpp"

namespace sparsecim {

/// The array that all digital compute-in-memory macros here share: words of weight cells with a bit-serial multiplier
/// each, and per sub-macro and column an adder tree, a shift-accumulator and a few partial-sum entries; a merging tree
/// per column adds the sub-macros, or, in front of one accumulator for all of them, their bit planes. A column is one
/// output; activations enter along the rows, one bit a cycle.
struct MacroArray {
  std::int64_t rows = 128;
  std::int64_t columns = 32;
  std::int64_t weight_bits = 8;
  std::int64_t activation_bits = 8;
  std::int64_t sub_macros = 1;  // P: equal groups of rows
  std::int64_t partial_sum_entries = 3;
  /// What happens in a bit plane that is all zeros for the inputs of a pass: it passes through like any other, or the
  /// lines and trees hold still and the accumulators add nothing, which takes a detector.
  enum class ZeroPlanes { kPass, kHold };
  ZeroPlanes zero_planes = ZeroPlanes::kPass;
  /// kShared: the merging tree adds up the planes of the sub-macros, behind a register of each tree, so that a column
  /// has one accumulator and one set of entries.
  enum class Accumulators { kPerSubMacro, kShared };
  Accumulators accumulators = Accumulators::kPerSubMacro;

  bool holds_zero_planes() const { return zero_planes == ZeroPlanes::kHold; }
  std::int64_t words() const { return rows * columns; }
  std::int64_t rows_per_sub_macro() const { return rows / sub_macros; }
  AdderTree tree() const { return {rows_per_sub_macro(), weight_bits}; }
  bool merges_planes() const { return accumulators == Accumulators::kShared && sub_macros > 1; }
  std::int64_t accumulators_of_column() const { return merges_planes() ? 1 : sub_macros; }
  /// Width of a shift-accumulator: what it adds over activation_bits planes.
  std::int64_t accumulator_bits() const {
    return (merges_planes() ? merge().result_bits() : tree().result_bits()) + activation_bits;
  }
  /// Of planes, or of accumulated sums.
  AdderTree merge() const { return {sub_macros, tree().result_bits() + (merges_planes() ? 0 : activation_bits)}; }
  /// Of a column, over all rows.
  std::int64_t sum_bits() const { return merges_planes() ? accumulator_bits() : merge().result_bits(); }

  void add_parts(std::vector<Part>& parts) const;
  /// `ahead` are the steps between the register that holds the activation bits and the multiplier (cell muxes).
  void add_paths(std::vector<Path>& paths, const std::vector<Path::Step>& ahead) const;
};

/// How much work an array does for one operation; all counts over all tokens and repetitions.
struct ArrayWork {
  double tile_passes = 0;       // one tile, one token
  double column_passes = 0;     // one output of one tile, one token
  double weight_ones = 0;       // share of ones among the bits of the words that the columns add up
  double kept_slots = 1;        // share of the native pattern's slots whose weight is not zero
  double plane_toggle = 0;      // share of activation bits that change from plane to plane
  double line_toggle = 0;       // the same on the lines, which may hold still
  double word_toggle = 0;       // share of an activation's bits that differ from the token before
  double resting_planes = 0;    // share of planes in which no line of a pass changes
  double input_deliveries = 0;  // one activation (all its bits) to one tile
  double fed_words = 0;         // one activation (all its bits) at the multipliers of one word

  /// What `activity` makes of the lines, for passes of `pass_inputs` inputs; `hold`: they hold still in zero planes.
  void take(const Activity& activity, std::int64_t pass_inputs, bool hold);
};

/// Multipliers, trees, accumulators, partial-sum entries, merging, zero planes' detection and their clock.
void add_array_events(const MacroArray& array, const ArrayWork& work, std::vector<Event>& events);

}  // namespace sparsecim
