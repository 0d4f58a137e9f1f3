#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "hardware/dcim/machine.hpp"

namespace sparsecim {

/// The macro's side of choosing inputs: what every scheme needs to know.
struct PairGeometry {
  std::int64_t rows = 128, columns = 32, sub_macros = 4;
  std::int64_t activation_bits = 8;
  std::int64_t bandwidth_bits = 1024;
  int largest_m = 8;              // of the machine's patterns: what multiplexers are built for
  std::int64_t line_sources = 3;  // blocks of how many sizes a line may belong to, which its register takes one of
  bool merges_planes = false;     // the sub-macros share a column's accumulator
  std::int64_t words() const { return rows * columns; }
  std::int64_t row_positions() const { return rows / sub_macros; }
};

/// How a kept weight gets its input. For M > 2 the choice differs per column while bit-lines are shared by a row, which
/// the paper leaves open (arXiv 2504.14365, as told in accounts of it); these are the answers:
///
/// bitserial_per_cell  one bit of an input is needed per cycle: a row carries M one-bit lines and the cell has an M:1
///                     one-bit multiplexer. Nothing is latched. The default: docs/formats/machines.md has the table.
/// column_pipelined    distribution units of P multiplexers put pairs on the bit-lines for k columns per cycle, so each
///                     cell must latch its operand while the others are served.
/// per_column          a distribution unit for each column: no latches, 32 times the multiplexers.
/// shared_pairs        G columns share their choice of pairs and one unit serves them at once: only for masks pruned
///                     so.
/// bitserial_per_group G columns share their choice of pairs, and the multiplexers that pick two of the row's M one-bit
///                     lines; a cell picks one of these. The same masks as shared_pairs, and the smallest.
enum class PairSelectKind { kBitserialPerCell, kColumnPipelined, kPerColumn, kSharedPairs, kBitserialPerGroup };
inline const std::vector<std::string> kPairSelectNames = {"bitserial_per_cell", "column_pipelined", "per_column",
                                                          "shared_pairs", "bitserial_per_group"};

/// Rows carry bit planes of their blocks; else whole words.
constexpr bool carries_planes(PairSelectKind kind) {
  return kind == PairSelectKind::kBitserialPerCell || kind == PairSelectKind::kBitserialPerGroup;
}

/// Groups of columns choose their pairs together.
constexpr bool shares_pairs(PairSelectKind kind) {
  return kind == PairSelectKind::kSharedPairs || kind == PairSelectKind::kBitserialPerGroup;
}

class PairSelect {
 public:
  virtual ~PairSelect() = default;
  virtual PassPath path(Pattern pattern, std::int64_t inputs) const = 0;
  /// Position bits that a cell word has room for; those of a block beyond it are shared by columns.
  virtual std::int64_t cell_position_bits() const = 0;
  virtual void add_parts(std::vector<Part>& parts) const = 0;
  virtual std::vector<Path::Step> steps_to_multiplier() const = 0;
  virtual void add_paths(std::vector<Path>& paths) const = 0;
  virtual void add_events(Pattern pattern, const ArrayWork& work, std::vector<Event>& events) const = 0;
};

/// `columns_per_cycle` (k) is for column_pipelined and shared_pairs, `columns_per_group` (G) for those that share
/// pairs.
std::unique_ptr<const PairSelect> make_pair_select(PairSelectKind kind, const PairGeometry& geometry,
                                                   std::int64_t columns_per_cycle, std::int64_t columns_per_group);

}  // namespace sparsecim
