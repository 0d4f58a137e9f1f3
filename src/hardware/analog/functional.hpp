#pragma once

#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "hardware/analog/crossbar.hpp"
#include "hardware/analog/schedule.hpp"

namespace sparsecim {

/// What a stream computed on a chip.
struct Executed {
  std::vector<std::vector<std::int64_t>> buffers;  // as in the stream's header
  std::int64_t conversions = 0;
  std::int64_t clipped = 0;  // sums above the converters' largest code
};

/// A chip whose arrays hold weights, at the places of a plan, and that executes streams: what the commands compute,
/// number by number. Weights are stored with 2^(weight_bits - 1) added, so that no conductance is negative; what that
/// adds to a sum is known from the inputs, and subtracted behind the converters (as ISAAC does, ISCA 2016). Inputs are
/// two's complement, the plane of the signs is subtracted.
class ProgrammedChip {
 public:
  /// weights[matrix][stage]: the factor, blocks x [outputs, inputs]; of a matrix without stages the cells stay empty.
  /// Errors: a factor of another size, a weight that
  /// does not fit `weight_bits`. REQUIRES: `plan` outlives the chip.
  static Result<ProgrammedChip> program(const AnalogPlan& plan,
                                        const std::vector<std::vector<std::vector<std::int64_t>>>& weights,
                                        const CellNoise& noise = {}, std::uint64_t seed = 0);

  /// inputs[i] are put at the beginning of buffer i; those that are empty stay zero. Errors: a stream of another plan,
  /// or for another number of arrays or converters; inputs that do not fit their buffer; a value that needs more planes
  /// than it is given.
  Result<Executed> execute(const CommandStream& stream, const std::vector<std::vector<std::int64_t>>& inputs);

 private:
  struct Array {
    std::vector<std::vector<float>> slices;  // of each: [rows, columns] in levels, the lowest bits first
    std::vector<bool> used;                  // [rows, columns]
  };
  class Execution;

  explicit ProgrammedChip(const AnalogPlan& plan, const CellNoise& noise, std::uint64_t seed)
      : plan_(&plan), noise_(noise), source_(seed) {}
  Result<void> write(const Layout& layout, std::span<const TilePlace> places, const std::vector<std::int64_t>& weights);
  void write_cell(Array& array, std::int64_t cell, std::int64_t weight);

  const AnalogPlan* plan_;
  CellNoise noise_;
  NoiseSource source_;
  std::unordered_map<std::int64_t, Array> arrays_;  // those that hold something
};

}  // namespace sparsecim
