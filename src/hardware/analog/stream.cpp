#include "hardware/analog/stream.hpp"

#include <algorithm>
#include <cstdlib>
#include <tuple>
#include <unordered_map>

namespace sparsecim {
namespace {

constexpr std::int64_t kLargestField = std::int64_t{1} << 31;
constexpr std::int64_t kLargestArraySide = 1 << 16;
constexpr std::int64_t kMostPlanes = 63, kMostCommandBits = 32;

/// What is known of an array between two commands.
struct ArrayState {
  bool activated = false;
  std::int64_t converted = 0;  // columns that wait to be stored
};

class StreamChecker {
 public:
  explicit StreamChecker(const CommandStream& stream)
      : stream_(stream),
        written_(stream.buffers.size()),
        used_(static_cast<std::size_t>(std::max(stream.array.rows, stream.array.columns))) {}

  Result<void> check(const Command& command) {
    if (command.kind == Command::Kind::kBarrier) {
      written_.assign(written_.size(), false);
      return {};
    }
    if (command.array < 0 || command.array >= stream_.arrays)
      return fail("array {} of {}", command.array, stream_.arrays);
    ArrayState& array = arrays_[command.array];
    switch (command.kind) {
      case Command::Kind::kActivate:
        return activate(command, array);
      case Command::Kind::kConvert:
        return convert(command, array);
      default:
        return store(command, array);
    }
  }

 private:
  Result<void> activate(const Command& command, ArrayState& array) {
    SC_TRY(check_cells(command.cells, stream_.array.rows, "row"));
    SC_TRY(check_addresses(command, command.cells.count));
    if (command.amount < 1 || command.amount > kMostPlanes)
      return fail("{} planes are outside 1 .. {}", command.amount, kMostPlanes);
    if (written_[static_cast<std::size_t>(command.buffer)])
      return fail(Remedy{"put a barrier in front"}, "buffer {} is read and was written behind the last barrier",
                  command.buffer);
    if (array.converted > 0) return fail("array {} has converted sums that were not stored", command.array);
    array.activated = true;
    return {};
  }
  Result<void> convert(const Command& command, ArrayState& array) {
    if (!array.activated) return fail("array {} converts and was not activated", command.array);
    if (array.converted > 0) return fail("array {} has converted sums that were not stored", command.array);
    SC_TRY(check_cells(command.cells, stream_.array.columns, "column"));
    if (command.amount < 1 || command.amount > kMostCommandBits)
      return fail("{} bits are outside 1 .. {}", command.amount, kMostCommandBits);
    if (command.shift < 0 || command.shift > kMostCommandBits)
      return fail("a shift of {} is outside 0 .. {}", command.shift, kMostCommandBits);
    array.converted = command.cells.count;
    return {};
  }
  Result<void> store(const Command& command, ArrayState& array) {
    if (array.converted == 0) return fail("array {} stores and has converted nothing", command.array);
    SC_TRY(check_addresses(command, array.converted));
    written_[static_cast<std::size_t>(command.buffer)] = true;
    array.converted = 0;
    return {};
  }

  static Result<void> check_fields(const Strided& s) {
    for (const std::int64_t field : {s.first, s.stride, s.run, s.outer})
      if (field < 0 || field > kLargestField) return fail("{} is outside 0 .. {}", field, kLargestField);
    return {};
  }
  Result<void> check_cells(const Strided& cells, std::int64_t side, std::string_view what) {
    SC_TRY(check_fields(cells));
    if (cells.count < 1 || cells.count > side) return fail("{} {}s of {}", cells.count, what, side);
    if (cells.last() >= side) return fail("{} {} of {}", what, cells.last(), side);
    ++generation_;
    for (std::int64_t i = 0; i < cells.count; ++i) {
      if (used_[static_cast<std::size_t>(cells.at(i))] == generation_) return fail("{} {} twice", what, cells.at(i));
      used_[static_cast<std::size_t>(cells.at(i))] = generation_;
    }
    return {};
  }
  Result<void> check_addresses(const Command& command, std::int64_t count) const {
    if (command.buffer < 0 || command.buffer >= static_cast<std::int64_t>(stream_.buffers.size()))
      return fail("buffer {} of {}", command.buffer, stream_.buffers.size());
    SC_TRY(check_fields(command.addresses));
    if (command.addresses.count != count) return fail("{} addresses for {} cells", command.addresses.count, count);
    const std::int64_t size = stream_.buffers[static_cast<std::size_t>(command.buffer)];
    if (command.addresses.last() >= size) return fail("address {} of a buffer of {}", command.addresses.last(), size);
    return {};
  }

  const CommandStream& stream_;
  std::unordered_map<std::int64_t, ArrayState> arrays_;  // those that were told something
  std::vector<bool> written_;                            // buffers, behind the last barrier
  std::vector<std::uint64_t> used_;                      // rows or columns, by the check that saw them last
  std::uint64_t generation_ = 0;
};

Result<void> check_header(const CommandStream& stream) {
  for (const auto& [what, value, most] : {std::tuple{"arrays", stream.arrays, std::int64_t{1} << 24},
                                          {"rows", stream.array.rows, kLargestArraySide},
                                          {"columns", stream.array.columns, kLargestArraySide}})
    if (value < 1 || value > most) return fail("{} {} are outside 1 .. {}", value, what, most);
  for (const std::int64_t size : stream.buffers)
    if (size < 1 || size > kLargestField) return fail("a buffer of {} values", size);
  if (stream.adcs < 1 || stream.array.columns % stream.adcs != 0)
    return fail(Remedy{fmt::format("choose {}", nearest_adcs(stream.array.columns, stream.adcs))},
                "{} converters do not share {} columns evenly", stream.adcs, stream.array.columns);
  return {};
}

}  // namespace

std::int64_t nearest_adcs(std::int64_t columns, std::int64_t adcs) {
  std::int64_t best = 1;
  for (std::int64_t divisor = 1; divisor <= columns; ++divisor)
    if (columns % divisor == 0 && std::llabs(divisor - adcs) < std::llabs(best - adcs)) best = divisor;
  return best;
}

Result<void> validate(const CommandStream& stream) {
  SC_TRY(within("header", check_header(stream)));
  StreamChecker checker(stream);
  for (std::size_t i = 0; i < stream.commands.size(); ++i)
    if (Result<void> result = checker.check(stream.commands[i]); !result)
      return within(fmt::format("command {}", i + 1), std::move(result));
  return {};
}

}  // namespace sparsecim
