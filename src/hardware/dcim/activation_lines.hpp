#pragma once

#include <cstdint>

#include "hardware/dcim/machine.hpp"

namespace sparsecim {

/// One-bit activation lines along the rows, fed from a buffer that is organised by bit plane: each cycle it delivers
/// the next plane of the pass, so that one flip-flop per line is all the storage between buffer and cells. Where a
/// plane has more bits than the port, a second set of flip-flops gathers it while the first drives the lines.
struct ActivationLines {
  std::int64_t lines = 0;
  std::int64_t columns = 0;
  std::int64_t planes = 8;
  std::int64_t bandwidth_bits = 1024;

  /// Of a pass of `inputs` inputs; `registers` follow the accumulator.
  PassPath path(std::int64_t inputs, std::int64_t registers) const;
  void add_parts(std::vector<Part>& parts) const;
  /// `line_passes`: lines in use, summed over passes.
  void add_events(double line_passes, double activation_toggle, std::vector<Event>& events) const;
};

}  // namespace sparsecim
