#pragma once

#include <cstdint>
#include <string_view>

namespace sparsecim {

// The registers behind a shift-accumulator, each a cycle; docs/formats/machines.md has the whole pipeline in a table.
inline constexpr std::int64_t kEntryRegister = 1;  // the partial-sum entry that takes a finished sum
inline constexpr std::int64_t kMergeRegister = 1;  // the sub-macros' merged sum, where there are several
inline constexpr std::int64_t kPlaneRegister = 1;  // or what each of their trees gives to the one accumulator behind
inline constexpr std::int64_t kSumRegisters = 2;   // the partial sums' adder, half a word in each of two stages
inline constexpr std::int64_t kLinkRegister = 1;   // the sum of two neighbours' partial sums

/// The way of one pass (one token through one tile) from the activation buffer to its sums: what it uses, and for how
/// many cycles. A pass is rigid: once launched, every part of it happens at a fixed distance from its launch, so a
/// controller is a few counters. Both models of time (closed_form.hpp, cycle_model.hpp) start from these numbers.
struct PassPath {
  /// How inputs come out of the activation buffer.
  enum class Fetch {
    kByPlane,  // one bit of every input, then the next, each in words of its own: multiplied as soon as it is there
    kWhole,    // all bits of the inputs of a row group, then the next group (a stage): all before the first multiply
  };
  Fetch fetch = Fetch::kWhole;
  std::int64_t inputs = 0;           // of a pass
  std::int64_t activation_bits = 8;  // of an input
  std::int64_t port_bits = 1024;     // fetched per cycle
  std::int64_t planes = 8;           // cycles that a column multiplies: 8 bit-serially, 1 with whole words
  std::int64_t pair_cycles = 1;      // from the first column that gets its pairs to the last, that one included
  std::int64_t registers = kEntryRegister;
  // Behind the macro, the same for all passes of an operation.
  std::int64_t sum_cycles = 0;   // to add a pass onto the sums in the partial-sum SRAM; 0: the operation keeps none
  std::int64_t link_cycles = 0;  // to move a pass's sums to the neighbour; 0: no output is split between macros
};

/// The closed form of a stream of passes.
struct PassTiming {
  std::int64_t initiation_interval = 0;  // cycles between two launches
  std::int64_t first_multiply = 0;       // after the launch
  std::int64_t weights_held = 0;         // from the first multiply to the end of the last column's last
  std::int64_t fill = 0;                 // from the launch to the pass's sums in the last register
  std::string_view bound;                // what sets the interval
};

PassTiming pass_timing(const PassPath& path);

}  // namespace sparsecim
