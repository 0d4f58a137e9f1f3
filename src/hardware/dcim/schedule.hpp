#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "hardware/dcim/pass_path.hpp"
#include "hardware/machine.hpp"
#include "hardware/tiling.hpp"

namespace sparsecim {

/// What a linear operation asks of the macros, in the terms of time alone. Step s is the s-th tile of every macro; all
/// macros go through a step together, since the inputs of a pass are multicast. Tokens go through the steps in chunks
/// that the partial-sum SRAM can hold: chunk after chunk, each through all steps.
struct LinearWork {
  PassPath path;  // of the largest tile: the controllers are set up once per operation
  Tiling tiling;
  std::int64_t tokens = 1;       // of one repetition
  std::int64_t chunks = 1;       // as equal as can be, larger ones first
  std::int64_t repetitions = 1;  // each begins when the one before has its results
  /// Tiles hold results of what was done before, so that even the first of them is written from then on; all
  /// repetitions are done so many times, each time with other results. 0: weights.
  std::int64_t steps_with_results = 0;
  std::int64_t rows_to_load = 0;      // cycles to write a tile into the set of cells that is not at work; 0: resident
  double stream_cycles_per_tile = 0;  // of a DRAM that all macros share; 0: none

  /// Steps in which the last macro has a tile, too.
  std::int64_t full_steps() const { return tiling.tiles() - (tiling.macros_used() - 1) * tiling.tiles_per_macro; }
  /// Of the weights of a step in which `macros` macros have a tile.
  std::int64_t load_cycles(std::int64_t macros) const {
    return std::max(rows_to_load,
                    static_cast<std::int64_t>(std::ceil(stream_cycles_per_tile * static_cast<double>(macros))));
  }
};

/// How long a macro did what.
struct BusyCycles {
  std::int64_t multiply = 0;  // some column multiplies
  std::int64_t load = 0;      // a tile is being written, or its stream waited for
  /// `times` what came to it between `before` and `after`.
  void add(const BusyCycles& before, const BusyCycles& after, std::int64_t times) {
    multiply += times * (after.multiply - before.multiply);
    load += times * (after.load - before.load);
  }
  bool operator==(const BusyCycles&) const = default;
};

/// One operation, done.
struct Timed {
  std::int64_t start_cycle = 0;  // the end of the operation before
  std::int64_t cycles = 0;
  std::int64_t load_bound_steps = 0, steps = 0;  // load-bound: their passes wait for their weights
  BusyCycles full_macro, last_macro;             // of the macros with most tiles; of the one with what is left
  std::vector<Span> spans = {};
};

/// Times operations, one after the other. What overlaps between two of them is the loading of the next one's first
/// tiles.
class Schedule {
 public:
  virtual ~Schedule() = default;
  /// With everything that it remembers.
  virtual std::unique_ptr<Schedule> clone() const = 0;
  virtual Timed linear(const LinearWork& work) = 0;
  /// On the vector unit.
  virtual Timed vector(std::int64_t cycles) = 0;
};

}  // namespace sparsecim
