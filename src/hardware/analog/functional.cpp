#include "hardware/analog/functional.hpp"

#include <cmath>

#include "base/check.hpp"
#include "hardware/tiling.hpp"

namespace sparsecim {
namespace {

bool fits(std::int64_t value, std::int64_t bits) {
  const std::int64_t half = std::int64_t{1} << (bits - 1);
  return value >= -half && value < half;
}

}  // namespace

/// One run of a stream.
class ProgrammedChip::Execution {
 public:
  Execution(ProgrammedChip& chip, const CommandStream& stream) : chip_(chip), stream_(stream) {
    for (const std::int64_t size : stream.buffers) executed_.buffers.emplace_back(static_cast<std::size_t>(size));
  }

  Result<void> load(const std::vector<std::vector<std::int64_t>>& inputs) {
    if (inputs.size() > executed_.buffers.size())
      return fail("{} inputs for {} buffers", inputs.size(), executed_.buffers.size());
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (inputs[i].size() > executed_.buffers[i].size())
        return fail("{} inputs for a buffer of {}", inputs[i].size(), executed_.buffers[i].size());
      std::ranges::copy(inputs[i], executed_.buffers[i].begin());
    }
    return {};
  }

  Result<void> execute(const Command& command) {
    switch (command.kind) {
      case Command::Kind::kActivate:
        return activate(command);
      case Command::Kind::kConvert:
        convert_columns(command);
        return {};
      case Command::Kind::kStore:
      case Command::Kind::kAccumulate:
        store(command);
        return {};
      case Command::Kind::kBarrier:
        return {};
    }
    return {};
  }

  Executed take() && { return std::move(executed_); }

 private:
  struct Active {
    std::vector<std::int64_t> rows, values;
    std::int64_t planes = 0;
    std::vector<std::int64_t> sums;  // that were converted last
  };

  Result<void> activate(const Command& command) {
    Active& active = active_[command.array];
    active = {.rows = {}, .values = {}, .planes = command.amount, .sums = {}};
    const auto& buffer = executed_.buffers[static_cast<std::size_t>(command.buffer)];
    const std::int64_t bits = std::min<std::int64_t>(63, 1 + (command.amount - 1) * chip_.plan_->format.plane_bits);
    for (std::int64_t i = 0; i < command.cells.count; ++i) {
      const std::int64_t value = buffer[static_cast<std::size_t>(command.addresses.at(i))];
      if (!fits(value, bits))
        return fail(Remedy{"give the stage more planes, or scale what it reads"},
                    "the value {} at {} of buffer {} does not fit {} bits", value, command.addresses.at(i),
                    command.buffer, bits);
      active.rows.push_back(command.cells.at(i));
      active.values.push_back(value);
    }
    return {};
  }

  void convert_columns(const Command& command) {
    Active& active = active_.at(command.array);
    active.sums.assign(static_cast<std::size_t>(command.cells.count), 0);
    const auto found = chip_.arrays_.find(command.array);
    if (found == chip_.arrays_.end()) return;  // nothing was ever written there
    const NumberFormat& format = chip_.plan_->format;
    for (std::int64_t slice = 0; slice < format.slices(); ++slice) {
      const std::vector<float> cells = gather(found->second, slice, active, command.cells);
      for (std::int64_t plane = 0; plane < active.planes; plane += kPlanesAtOnce)
        add_planes(cells, plane, slice, command, active);
    }
    subtract_offsets(found->second, command, active);
  }

  /// The cells at the active rows and the converted columns.
  std::vector<float> gather(const Array& array, std::int64_t slice, const Active& active,
                            const Strided& columns) const {
    std::vector<float> cells;
    cells.reserve(active.rows.size() * static_cast<std::size_t>(columns.count));
    for (const std::int64_t row : active.rows)
      for (std::int64_t c = 0; c < columns.count; ++c)
        cells.push_back(array.slices[static_cast<std::size_t>(slice)]
                                    [static_cast<std::size_t>(row * stream_.array.columns + columns.at(c))]);
    return cells;
  }

  void add_planes(const std::vector<float>& cells, std::int64_t first_plane, std::int64_t slice, const Command& command,
                  Active& active) {
    const NumberFormat& format = chip_.plan_->format;
    const std::int64_t planes = std::min(kPlanesAtOnce, active.planes - first_plane);
    std::vector<float> digits(active.rows.size() * kPlanesAtOnce);
    for (std::size_t row = 0; row < active.rows.size(); ++row)
      for (std::int64_t p = 0; p < planes; ++p)
        digits[row * kPlanesAtOnce + static_cast<std::size_t>(p)] =
            static_cast<float>(format.digit(active.values[row], first_plane + p, active.planes));
    std::vector<float> sums(static_cast<std::size_t>(kPlanesAtOnce * command.cells.count));
    column_sums(cells.data(), command.cells.count, static_cast<std::int64_t>(active.rows.size()), command.cells.count,
                digits.data(), sums.data());
    for (std::int64_t p = 0; p < planes; ++p)
      for (std::int64_t c = 0; c < command.cells.count; ++c) {
        const float sum = sums[static_cast<std::size_t>(p * command.cells.count + c)] +
                          read_noise(active, digits, command, c, static_cast<std::size_t>(p));
        const std::int64_t code = convert(sum, {command.amount, command.shift}, executed_.clipped);
        ++executed_.conversions;
        const std::int64_t shift = (first_plane + p) * format.plane_bits + slice * format.cell_bits;
        const auto shifted = static_cast<std::int64_t>(static_cast<std::uint64_t>(code) << shift);
        active.sums[static_cast<std::size_t>(c)] += first_plane + p + 1 == active.planes ? -shifted : shifted;
      }
  }

  /// Of a column in one plane: each cell that holds a weight adds its own (one that holds none conducts nothing).
  float read_noise(const Active& active, const std::vector<float>& digits, const Command& command, std::int64_t column,
                   std::size_t plane) {
    if (!chip_.noise_.any_read()) return 0;
    const Array& array = chip_.arrays_.at(command.array);
    double squares = 0;
    for (std::size_t r = 0; r < active.rows.size(); ++r) {
      const double digit = digits[r * kPlanesAtOnce + plane];
      const std::int64_t cell = active.rows[r] * stream_.array.columns + command.cells.at(column);
      if (array.used[static_cast<std::size_t>(cell)]) squares += digit * digit;
    }
    const auto largest = static_cast<double>(chip_.plan_->format.largest_level());
    return static_cast<float>(chip_.noise_.read * largest * std::sqrt(squares)) * chip_.source_.normal();
  }

  /// Behind the converters: every weight came with its offset, so a sum with the offset times the inputs of the rows on
  /// which its column has weights.
  void subtract_offsets(const Array& array, const Command& command, Active& active) {
    const std::int64_t offset = chip_.plan_->format.offset();
    for (std::int64_t c = 0; c < command.cells.count; ++c)
      for (std::size_t r = 0; r < active.rows.size(); ++r) {
        const std::int64_t cell = active.rows[r] * stream_.array.columns + command.cells.at(c);
        if (array.used[static_cast<std::size_t>(cell)])
          active.sums[static_cast<std::size_t>(c)] -= offset * active.values[r];
      }
  }

  void store(const Command& command) {
    const Active& active = active_.at(command.array);
    auto& buffer = executed_.buffers[static_cast<std::size_t>(command.buffer)];
    for (std::int64_t i = 0; i < command.addresses.count; ++i) {
      std::int64_t& value = buffer[static_cast<std::size_t>(command.addresses.at(i))];
      if (command.kind == Command::Kind::kStore) value = 0;
      value += active.sums[static_cast<std::size_t>(i)];
    }
  }

  ProgrammedChip& chip_;
  const CommandStream& stream_;
  Executed executed_;
  std::unordered_map<std::int64_t, Active> active_;
};

void ProgrammedChip::write_cell(Array& array, std::int64_t cell, std::int64_t weight) {
  const NumberFormat& format = plan_->format;
  array.used[static_cast<std::size_t>(cell)] = true;
  for (std::int64_t slice = 0; slice < format.slices(); ++slice)
    array.slices[static_cast<std::size_t>(slice)][static_cast<std::size_t>(cell)] =
        written_conductance(format.level(weight, slice), format.largest_level(), noise_, source_);
}

Result<void> ProgrammedChip::write(const Layout& layout, std::span<const TilePlace> places,
                                   const std::vector<std::int64_t>& weights) {
  if (static_cast<std::int64_t>(weights.size()) != layout.stage().weights())
    return fail("{} weights for a factor of {}", weights.size(), layout.stage().weights());
  for (const std::int64_t weight : weights)
    if (!fits(weight, plan_->format.weight_bits))
      return fail("the weight {} does not fit {} bits", weight, plan_->format.weight_bits);
  const auto cells = static_cast<std::size_t>(plan_->array.cells());
  for (std::size_t tile = 0; tile < places.size(); ++tile) {
    Array& array = arrays_[places[tile].array];
    array.used.resize(cells);
    array.slices.resize(static_cast<std::size_t>(plan_->format.slices()));
    for (auto& slice : array.slices) slice.resize(cells);
    layout.for_each_cell(static_cast<std::int64_t>(tile), places[tile].diagonal,
                         [&](std::int64_t row, std::int64_t column, std::int64_t weight) {
                           write_cell(array, row * plan_->array.columns + column,
                                      weights[static_cast<std::size_t>(weight)]);
                         });
  }
  return {};
}

Result<ProgrammedChip> ProgrammedChip::program(const AnalogPlan& plan,
                                               const std::vector<std::vector<std::vector<std::int64_t>>>& weights,
                                               const CellNoise& noise, std::uint64_t seed) {
  if (weights.size() != plan.matrices.size())
    return fail("factors of {} matrices for {}", weights.size(), plan.matrices.size());
  ProgrammedChip chip(plan, noise, seed);
  for (std::size_t m = 0; m < plan.matrices.size(); ++m) {
    const auto& stages = plan.matrices[m].stages;
    if (weights[m].empty()) continue;
    if (weights[m].size() != stages.size())
      return fail("matrix {}: {} factors for {} stages", m, weights[m].size(), stages.size());
    for (std::size_t s = 0; s < stages.size(); ++s)
      SC_TRY(within(fmt::format("matrix {}, stage {}", m, s),
                    chip.write(*stages[s], plan.placed.places[m][s], weights[m][s])));
  }
  return chip;
}

Result<Executed> ProgrammedChip::execute(const CommandStream& stream,
                                         const std::vector<std::vector<std::int64_t>>& inputs) {
  if (stream.plan != plan_of(*plan_))
    return fail(Remedy{"schedule again"}, "the stream was made for another plan ({}...)", stream.plan.substr(0, 12));
  if (stream.array != plan_->array || stream.arrays != plan_->placed.arrays)
    return fail("the stream is for {} arrays of {} x {}, the chip has {} of {} x {}", stream.arrays, stream.array.rows,
                stream.array.columns, plan_->placed.arrays, plan_->array.rows, plan_->array.columns);
  SC_TRY(validate(stream));
  Execution execution(*this, stream);
  SC_TRY(execution.load(inputs));
  for (std::size_t i = 0; i < stream.commands.size(); ++i)
    SC_TRY(within(fmt::format("command {}", i + 1), execution.execute(stream.commands[i])));
  return std::move(execution).take();
}

}  // namespace sparsecim
