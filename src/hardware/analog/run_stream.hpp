#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "hardware/analog/machine.hpp"

namespace sparsecim {

/// What a stream did, by the clock and by number.
struct StreamRun {
  std::string not_computed;  // why not by number: a value that a stage has no planes for; empty: it was
  std::int64_t commands = 0, tokens = 0;
  std::int64_t busy_arrays = 0;
  double latency_ns = 0;
  std::int64_t conversions = 0, clipped = 0;
  std::int64_t outputs = 0, wrong = 0;  // of them, that are not the plain product's
  std::int64_t largest_error = 0;       // of these
};

/// Executes the commands for `operation` and those that run with it, on arrays that hold weights of -1, 0 and 1 for
/// inputs of the same, from a seed, and compares with the plain product. Errors: another kind of machine, no such
/// operation on arrays; a stream of another plan, of other converters, or with other vectors than the operation's, with
/// what would do.
Result<StreamRun> run_stream(const Machine& machine, const Workload& workload, std::string_view operation,
                             const CommandStream& stream, std::uint64_t seed);

Json to_json(const StreamRun& run);

}  // namespace sparsecim
