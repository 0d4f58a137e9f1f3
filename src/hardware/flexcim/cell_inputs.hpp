#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "hardware/flexcim/storage.hpp"

namespace sparsecim {

/// How the inputs of a pass get to the multipliers of the cells: the data path of one pair_select (PairSelectKind says
/// what each is made of), line by line and multiplexer by multiplexer.
class CellInputs {
 public:
  virtual ~CellInputs() = default;
  /// Takes the inputs of a pass; missing ones are zero.
  virtual void start_pass(std::span<const std::int8_t> inputs) = 0;
  /// Bit `bit` of every cell's input, 0 or 1, into cell_bits [rows][columns]; cells of rows without a block get 0.
  virtual void read_plane(int bit, std::span<std::uint8_t> cell_bits) = 0;
  /// /// Activation lines that differed from what they held before, times the columns that they pass (kActivationLine):
  /// bit-lines plane by plane (bitserial_per_cell, shared_pairs), pair by pair (column_pipelined), or, where lines
  /// carry whole blocks to the columns' own units (per_column), pass by pass. The lines of a macro begin as zeros.
  std::int64_t line_changes() const { return line_changes_; }

 protected:
  std::int64_t line_changes_ = 0;
};

/// `image` must outlive the result.
std::unique_ptr<CellInputs> make_cell_inputs(const FlexcimParameters& parameters, const FlexcimImage& image);

}  // namespace sparsecim
