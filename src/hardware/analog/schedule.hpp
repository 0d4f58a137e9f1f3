#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "hardware/analog/placement.hpp"
#include "hardware/analog/stream.hpp"

namespace sparsecim {

/// How numbers meet cells: weights in slices of `cell_bits`, each in a cell of its own array; inputs in two's
/// complement in bit planes of `plane_bits`, one after the other, the sign in a plane of its own.
struct NumberFormat {
  std::int64_t weight_bits = 8, cell_bits = 8;
  std::int64_t input_bits = 8;   // of a matrix's inputs
  std::int64_t middle_bits = 8;  // of what its later stages read
  std::int64_t plane_bits = 1;

  std::int64_t slices() const { return (weight_bits + cell_bits - 1) / cell_bits; }
  std::int64_t planes(std::size_t stage) const {
    return 1 + ((stage == 0 ? input_bits : middle_bits) + plane_bits - 2) / plane_bits;
  }
  std::int64_t largest_level() const { return (std::int64_t{1} << cell_bits) - 1; }
  /// Added to every weight, so that no conductance is negative.
  std::int64_t offset() const { return std::int64_t{1} << (weight_bits - 1); }
  /// What the cell of `slice` holds of a weight; the lowest bits are in slice 0.
  std::int64_t level(std::int64_t weight, std::int64_t slice) const {
    return ((weight + offset()) >> (slice * cell_bits)) & largest_level();
  }
  /// Digit `plane` of a two's complement number; the last of `planes` is the sign.
  std::int64_t digit(std::int64_t value, std::int64_t plane, std::int64_t planes) const {
    if (plane + 1 == planes) return value < 0;
    return static_cast<std::int64_t>((static_cast<std::uint64_t>(value) >> (plane * plane_bits)) &
                                     ((std::uint64_t{1} << plane_bits) - 1));
  }
};

struct Converters {
  enum class Rule {
    kRows,   // log2 of the cells that a column adds up (arXiv 2510.11192: 8, 5 and 3 bits)
    kExact,  // every sum has a code of its own
  };
  std::int64_t adcs = 8;  // of an array
  Rule rule = Rule::kRows;
  std::int64_t bits = 0;  // 0: by the rule
  /// Codes span the largest sum divided by 2^halvings: finer steps, and what is above clips.
  std::int64_t halvings = 0;
};
inline constexpr std::string_view kConverterRuleNames[] = {"rows", "exact"};

/// Of a layout's sums. The smallest step that spans them, or what `halvings` leave of them: 2^shift, where there are
/// too few bits for all.
struct ConverterCode {
  std::int64_t bits = 0, shift = 0;
};
ConverterCode converter_code(const Layout& layout, const NumberFormat& format, const Converters& converters);

/// Weights in their places: what a stream of commands is made for.
struct AnalogPlan {
  ArraySize array;
  std::vector<MatrixLayouts> matrices;
  PlacementRules rules;
  PlacedTiles placed;
  NumberFormat format;
  Converters converters;
};

/// Names the plan: equal for equal places, sizes and formats alone (SHA-256).
std::string plan_of(const AnalogPlan& plan);

/// Where the vectors of one token of a phase are: the inputs, then what each stage of each matrix writes.
struct PhaseBuffers {
  std::size_t matrices = 0, stages = 0;
  std::int64_t per_token() const { return static_cast<std::int64_t>(1 + matrices * stages); }
  std::int64_t input(std::int64_t token) const { return token * per_token(); }
  std::int64_t output(std::int64_t token, std::size_t matrix, std::size_t stage) const {
    return input(token) + 1 + static_cast<std::int64_t>(matrix * stages + stage);
  }
};
PhaseBuffers buffers_of(const AnalogPlan& plan, std::span<const std::size_t> members);

/// The commands for `tokens` tokens of a phase; `members` are the positions of its matrices. Between two barriers every
/// stage works on a token of its own, or, where stages do not overlap, one stage works.
CommandStream schedule(const AnalogPlan& plan, std::span<const std::size_t> members, std::int64_t tokens);

/// How long an array takes, in steps of time of whatever length.
struct ArrayTimes {
  std::int64_t read = 0;     // until the sums of activated rows stand
  std::int64_t per_bit = 0;  // of a conversion
};
/// From the first activation of a pass to its last conversion.
std::int64_t pass_time(const AnalogPlan& plan, const ArrayPass& pass, std::size_t stage, const ArrayTimes& times);

struct StreamTime {
  std::int64_t total = 0;
  std::vector<std::int64_t> busy;  // of each array
  struct Interval {
    std::int64_t array, start, end;  // between two barriers
    bool operator==(const Interval&) const = default;
  };
  std::vector<Interval> intervals;
};
/// Executes the commands by the clock. REQUIRES: validate(stream).
StreamTime time_of(const CommandStream& stream, const ArrayTimes& times);

}  // namespace sparsecim
