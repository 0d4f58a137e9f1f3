#pragma once

#include <cstdint>
#include <vector>

#include "hardware/components/memories.hpp"
#include "hardware/dcim/array.hpp"
#include "hardware/machine.hpp"

namespace sparsecim {

/// The sizes of an array that a tile of weights is loaded into: a word per multiplier, `rows` of them for each of
/// `columns` outputs.
struct TileShape {
  std::int64_t rows = 0, columns = 0;
  std::int64_t weight_bits = 8, activation_bits = 8;
  std::int64_t cycles_per_multiply = 1;  // 8 where activations enter bit by bit
  std::int64_t load_cycles = 0;          // of a tile
  bool holds_zero_planes = false;        // of activations: MacroArray::ZeroPlanes
  std::int64_t words() const { return rows * columns; }
};

/// Multipliers with the weights beside them, and the adders behind them: what a macro is built of.
class TileArray {
 public:
  virtual ~TileArray() = default;
  virtual TileShape shape() const = 0;
  virtual void add_parts(std::vector<Part>& parts) const = 0;
  /// The second set of `bits` of weights and positions, which the next tile is loaded into.
  virtual void add_second_weights(std::int64_t bits, std::vector<Part>& parts) const = 0;
  /// `ahead` are the steps between the last register of an activation and the multiplier.
  virtual void add_paths(std::vector<Path>& paths, const std::vector<Path::Step>& ahead) const = 0;
  virtual void add_events(const ArrayWork& work, std::vector<Event>& events) const = 0;
};

/// A digital compute-in-memory macro; a row of words is loaded per cycle.
class DcimArray : public TileArray {
 public:
  explicit DcimArray(const MacroArray& array) : array_(array) {}

  TileShape shape() const override {
    return {.rows = array_.rows,
            .columns = array_.columns,
            .weight_bits = array_.weight_bits,
            .activation_bits = array_.activation_bits,
            .cycles_per_multiply = array_.activation_bits,
            .load_cycles = array_.rows,
            .holds_zero_planes = array_.holds_zero_planes()};
  }
  void add_parts(std::vector<Part>& parts) const override { array_.add_parts(parts); }
  void add_second_weights(std::int64_t bits, std::vector<Part>& parts) const override {
    parts.push_back({"weight double buffer", &kCimCell, static_cast<double>(bits)});  // word lines choose the set
  }
  void add_paths(std::vector<Path>& paths, const std::vector<Path::Step>& ahead) const override {
    array_.add_paths(paths, ahead);
  }
  void add_events(const ArrayWork& work, std::vector<Event>& events) const override {
    add_array_events(array_, work, events);
  }

 private:
  MacroArray array_;
};

}  // namespace sparsecim
