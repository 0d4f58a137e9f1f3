#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "hardware/flexcim/cell_inputs.hpp"
#include "hardware/flexcim/storage.hpp"

namespace sparsecim {

/// Widths of a macro's registers, two's complement. What the inventory has is enough for every weight and activation
/// (functional_test.cpp: all of them -128, and one bit less is not).
struct FlexcimWidths {
  std::int64_t accumulator_bits;  // of each sub-macro column, or of a column where sub-macros share it
  std::int64_t merged_bits;       // of what the merging tree gives
  std::int64_t partial_sum_bits = kPartialSumBits;

  static FlexcimWidths of(const MacroArray& array);
};

/// What happened, counted bit by bit.
struct FlexcimCounts {
  std::int64_t tile_passes = 0;    // one tile, one token
  std::int64_t column_passes = 0;  // one output of one tile, one token
  std::int64_t stored_bits = 0;    // FlexcimImage::stored_bits of all tiles
  std::int64_t multiplies = 0;     // by weights that are not zero
  std::int64_t planes = 0;         // activation_bits a pass
  std::int64_t zero_planes = 0;    // of which no input of the tile has a one
  std::int64_t line_changes = 0;   // CellInputs::line_changes
  /// Activation bits that differ from the plane before: in all cells that hold a slot, of outputs or not; and those
  /// that change a product bit, which takes a one in the weight.
  std::int64_t cell_bit_changes = 0, product_bit_changes = 0;
  /// Bits of both operands and of the carries that differ from the plane before, over all adders of tree levels 1, 2,
  /// .. (zero delay: glitches are not in them).
  std::vector<std::int64_t> tree_input_changes;
  std::int64_t accumulator_bit_changes = 0;  // stored bits that change, plane by plane
  /// Additions whose result needs more bits than the register has. None with FlexcimWidths::of, but for partial sums of
  /// more than 2^17 inputs.
  std::int64_t accumulator_overflows = 0, merge_overflows = 0, partial_sum_overflows = 0;
};

/// A macro that holds one tile: takes a token's inputs bit plane by bit plane, sign plane first, as the hardware does.
/// /// In every column, each sub-macro's tree adds the products of a plane, and the accumulator doubles what it has and
/// adds them; behind the sign plane what it has is inverted, which subtracts it. The merging tree adds the sub-macros,
/// or their planes, where they share an accumulator. Where the array holds zero planes, its lines and trees keep what
/// they have and the accumulators only double.
class FlexcimMacro {
 public:
  /// REQUIRES: validate(parameters) but for its patterns; image.layout is that of the parameters.
  FlexcimMacro(const FlexcimParameters& parameters, FlexcimImage image, const FlexcimWidths& widths);
  FlexcimMacro(FlexcimMacro&&) = delete;

  /// One token: its inputs of the tile (image.n_inputs) give the merged sums of the tile's outputs (image.n_outputs).
  void pass(std::span<const std::int8_t> inputs, std::span<std::int64_t> sums);
  /// The shift-accumulators at the end of the last pass, [columns][MacroArray::accumulators_of_column]: what RTL can be
  /// compared with.
  std::span<const std::int64_t> accumulators() const { return accumulators_; }
  const FlexcimCounts& counts() const { return counts_; }

 private:
  struct AdderInputs {
    std::uint32_t a, b, carries;
  };

  void run_plane(int bit);
  void hold_plane(int bit);
  std::int64_t add_products(std::int64_t column, std::int64_t sub_macro);
  std::int64_t add_up(std::int64_t tree);
  void accumulate(std::int64_t index, std::int64_t sum, int bit);
  std::int64_t merge(std::span<const std::int64_t> sums_of_sub_macros);
  std::int64_t sum_of(std::int64_t column);

  MacroArray array_;
  FlexcimWidths widths_;
  FlexcimImage image_;
  std::unique_ptr<CellInputs> inputs_;
  std::vector<std::uint8_t> cell_bits_, cell_bits_before_;  // [rows][columns]
  std::vector<std::int64_t> operands_;                      // of a tree, level after level in place
  std::vector<AdderInputs> adders_;                         // [columns][sub_macros][adders], level after level
  std::vector<std::int64_t> tree_sums_;                     // [sub_macros], of a column's plane
  std::vector<std::int64_t> accumulators_;                  // [columns][accumulators_of_column]
  std::int64_t nonzero_weights_ = 0;
  FlexcimCounts counts_;
};

struct FlexcimProduct {
  std::vector<std::int32_t> outputs;  // [n_tokens, n_outputs]
  FlexcimCounts counts;
};

/// outputs[t, o] = sum over i of activations[t, i] * weights[o, i], by one macro that holds a tile after the other: the
/// function of FlexCiM, exact and slow (a tile and token take some 0.1 ms). kernels/int8_gemm.hpp gives the same sums
/// for whole models. `weights` [n_outputs, n_inputs], `activations` [n_tokens, n_inputs] row-major;
/// `parameters.patterns` is not looked at. REQUIRES: n_inputs >= 1 divides both sizes. Errors: parameters that
/// contradict each other or the pattern; store_tile's; a sum that overflows its register, with the register.
Result<FlexcimProduct> multiply_by_flexcim(const FlexcimParameters& parameters, Pattern pattern,
                                           std::span<const std::int8_t> weights,
                                           std::span<const std::int8_t> activations, std::int64_t n_inputs);

}  // namespace sparsecim
