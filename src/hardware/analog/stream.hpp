#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "hardware/analog/layout.hpp"

namespace sparsecim {

/// What an array is told to do (docs/formats/streams.md).
struct Command {
  enum class Kind {
    kActivate,    // drive `cells` (rows) with the values at `addresses` of a buffer, in `amount` bit planes
    kConvert,     // in every plane, bring the sums of `cells` (columns) through the array's converters of `amount` bits
    kStore,       // write the converted sums to `addresses` of a buffer
    kAccumulate,  // add them there
    kBarrier,     // wait until all arrays are done
  };
  Kind kind = Kind::kBarrier;
  std::int64_t array = 0;
  Strided cells;  // absent in kStore, kAccumulate
  std::int64_t buffer = 0;
  Strided addresses;
  std::int64_t amount = 0;
  std::int64_t shift = 0;  // kConvert: a step of the converters is 2^shift of the smallest sums
  bool operator==(const Command&) const = default;
};

/// Commands to a chip; each array does its own in their order, and arrays wait for each other at barriers alone.
struct CommandStream {
  std::string plan;  // whose stream it is: plan_of() of the weights' places
  ArraySize array;
  std::int64_t arrays = 0;
  std::int64_t adcs = 0;              // of an array; they share its columns evenly
  std::vector<std::int64_t> buffers;  // values in each; all are zero at the beginning
  std::vector<Command> commands;
  bool operator==(const CommandStream&) const = default;
};

/// Errors, with the number of the command: what the header does not have (an array, a row, a buffer, an address), rows
/// or columns twice, converting an array that was not activated, storing what was not converted, reading a buffer that
/// was written behind the last barrier; converters that do not divide the columns.
Result<void> validate(const CommandStream& stream);

std::string to_text(const CommandStream& stream);
std::string to_binary(const CommandStream& stream);
/// Either form. Errors, with the line or the byte: what is no stream, numbers out of range; validate()'s.
Result<CommandStream> parse_stream(std::string_view bytes);

/// The divisor of `columns` that is nearest to `adcs`.
std::int64_t nearest_adcs(std::int64_t columns, std::int64_t adcs);

}  // namespace sparsecim
