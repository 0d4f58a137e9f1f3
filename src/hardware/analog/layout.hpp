#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "hardware/analog/strided.hpp"
#include "monarch/monarch.hpp"

// Where the weights of a matrix lie in crossbars, and which rows and columns compute with them when. Mappings of arXiv
// 2510.11192; addresses take the place of its rotations and permutations (docs/analog.md).

namespace sparsecim {

enum class CellMapping {
  kLinear,         // a dense matrix, cut into tiles of an array each
  kSparse,         // SparseMap: whole blocks on the array's diagonal, all active at once
  kDenseBlocks,    // DenseMap, reading A: diagonals of whole blocks; a step activates the rows of one block
  kDenseElements,  // DenseMap, reading B: diagonals of the folded factor's elements; a step activates a row of each
                   // block
};
inline constexpr std::string_view kCellMappingNames[] = {"linear", "sparsemap", "densemap", "densemap-b"};

struct ArraySize {
  std::int64_t rows = 256, columns = 256;
  std::int64_t cells() const { return rows * columns; }
  bool operator==(const ArraySize&) const = default;
};

/// One block-diagonal factor, or a dense matrix as one block: a row of the array per input, a column per output.
struct ArrayStage {
  /// Where channel c of block b is in the vector that the stage reads or writes.
  struct Order {
    std::int64_t per_block = 0, per_channel = 1;
    std::int64_t at(std::int64_t block, std::int64_t channel) const {
      return block * per_block + channel * per_channel;
    }
    bool operator==(const Order&) const = default;
  };
  struct Channel {
    std::int64_t block = 0, channel = 0;
  };
  std::int64_t blocks = 1, inputs = 1, outputs = 1;  // of one block
  Order in, out;

  std::int64_t read() const { return blocks * inputs; }  // values of the vector read, and written
  std::int64_t written() const { return blocks * outputs; }
  std::int64_t weights() const { return blocks * inputs * outputs; }
  /// Of a factor stored as blocks x [outputs, inputs].
  std::int64_t weight(std::int64_t block, std::int64_t output, std::int64_t input) const {
    return (block * outputs + output) * inputs + input;
  }
  /// What is at an address: the inverse of `order`, which is in or out.
  Channel channel_at(const Order& order, std::int64_t address) const;
  bool operator==(const ArrayStage&) const = default;
};

ArrayStage dense_stage(std::int64_t n_out, std::int64_t n_in);
/// The right factor, then the left one; the permutations are in the orders.
std::vector<ArrayStage> stages_of(const MonarchShape& shape);

/// What an array does at once: drives rows with inputs, and turns the sums of columns into outputs.
struct LayoutStep {
  Strided rows, inputs;      // row rows.at(i) gets the value at inputs.at(i) of the vector read
  Strided columns, outputs;  // column columns.at(i) adds to the value at outputs.at(i) of the vector written
};

/// How the weights of one stage are cut into tiles, and how tiles share an array: each takes one of its diagonals.
class Layout {
 public:
  /// Errors: a block, or for reading B a number of blocks, that is larger than the array, with the largest that fits.
  static Result<std::unique_ptr<Layout>> make(CellMapping mapping, const ArrayStage& stage, ArraySize array);
  virtual ~Layout() = default;

  const ArrayStage& stage() const { return stage_; }
  const ArraySize& array() const { return array_; }
  CellMapping mapping() const { return mapping_; }

  virtual std::int64_t tiles() const = 0;
  /// Tiles that an array holds, at diagonals 0 .. diagonals() - 1, which do not overlap.
  virtual std::int64_t diagonals() const = 0;
  virtual std::int64_t steps(std::int64_t tile) const = 0;
  virtual LayoutStep step(std::int64_t tile, std::int64_t diagonal, std::int64_t step) const = 0;
  /// Tiles of one group drive the same inputs on the same rows in every step, whichever diagonals they are at, so that
  /// those in one array can be served by one pass.
  virtual std::int64_t input_group(std::int64_t tile) const = 0;
  /// Whether several tiles add to the same outputs.
  virtual bool accumulates() const = 0;
  /// The most cells of a column that a step adds up: decides the converters' bits.
  virtual std::int64_t summed_rows() const = 0;
  /// Calls visit(row, column, weight) for each cell that the tile uses.
  using Visit = std::function<void(std::int64_t row, std::int64_t column, std::int64_t weight)>;
  virtual void for_each_cell(std::int64_t tile, std::int64_t diagonal, const Visit& visit) const = 0;
  /// Tiles of layouts that are alike may share arrays.
  virtual bool alike(const Layout& other) const = 0;

 protected:
  Layout(CellMapping mapping, const ArrayStage& stage, ArraySize array)
      : mapping_(mapping), stage_(stage), array_(array) {}

 private:
  CellMapping mapping_;
  ArrayStage stage_;
  ArraySize array_;
};

}  // namespace sparsecim
