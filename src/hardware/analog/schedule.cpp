#include "hardware/analog/schedule.hpp"

#include <algorithm>
#include <bit>

#include "base/check.hpp"
#include "base/hash.hpp"
#include "hardware/components/converters.hpp"
#include "hardware/tiling.hpp"

namespace sparsecim {
namespace {

/// ceil(log2(n)), n >= 1.
std::int64_t bits_to_count(std::int64_t n) {
  return static_cast<std::int64_t>(std::bit_width(static_cast<std::uint64_t>(n - 1)));
}

std::size_t most_stages(const AnalogPlan& plan, std::span<const std::size_t> members) {
  std::size_t most = 0;
  for (const std::size_t m : members) most = std::max(most, plan.matrices[m].stages.size());
  return most;
}

/// Appends the commands of one stage for one token.
class StageCommands {
 public:
  StageCommands(const AnalogPlan& plan, std::span<const std::size_t> members, std::size_t stage)
      : plan_(plan), members_(members), stage_(stage), passes_(passes_of(plan.matrices, plan.placed, members, stage)) {}

  void append(std::int64_t token, const PhaseBuffers& buffers, std::vector<Command>& commands) const {
    for (const ArrayPass& pass : passes_)
      for (std::int64_t step = 0; step < layout(pass.tiles.front()).steps(pass.tiles.front().tile); ++step)
        append_step(pass, step, token, buffers, commands);
  }

 private:
  const Layout& layout(const ServedTile& tile) const { return *plan_.matrices[tile.matrix].stages[stage_]; }
  std::size_t member(const ServedTile& tile) const {
    return static_cast<std::size_t>(std::ranges::find(members_, tile.matrix) - members_.begin());
  }

  void append_step(const ArrayPass& pass, std::int64_t step, std::int64_t token, const PhaseBuffers& buffers,
                   std::vector<Command>& commands) const {
    for (const ServedTile& tile : pass.tiles) {
      const LayoutStep at = layout(tile).step(tile.tile, tile.diagonal, step);
      const std::size_t m = member(tile);
      if (&tile == &pass.tiles.front())
        commands.push_back({.kind = Command::Kind::kActivate,
                            .array = pass.array,
                            .cells = at.rows,
                            .buffer = stage_ == 0 ? buffers.input(token) : buffers.output(token, m, stage_ - 1),
                            .addresses = at.inputs,
                            .amount = plan_.format.planes(stage_)});
      const ConverterCode code = converter_code(layout(tile), plan_.format, plan_.converters);
      commands.push_back({.kind = Command::Kind::kConvert,
                          .array = pass.array,
                          .cells = at.columns,
                          .amount = code.bits,
                          .shift = code.shift});
      commands.push_back({.kind = layout(tile).accumulates() ? Command::Kind::kAccumulate : Command::Kind::kStore,
                          .array = pass.array,
                          .buffer = buffers.output(token, m, stage_),
                          .addresses = at.outputs});
    }
  }

  const AnalogPlan& plan_;
  std::span<const std::size_t> members_;
  std::size_t stage_;
  std::vector<ArrayPass> passes_;
};

void append_buffers(const AnalogPlan& plan, std::span<const std::size_t> members, const PhaseBuffers& buffers,
                    std::vector<std::int64_t>& sizes) {
  std::int64_t inputs = 1;
  for (const std::size_t m : members) inputs = std::max(inputs, plan.matrices[m].stages.front()->stage().read());
  sizes.push_back(inputs);
  for (const std::size_t m : members)
    for (std::size_t s = 0; s < buffers.stages; ++s)
      sizes.push_back(s < plan.matrices[m].stages.size() ? plan.matrices[m].stages[s]->stage().written() : 1);
}

/// What time_of knows of an array.
struct ArrayClock {
  std::int64_t free = 0, planes = 0, interval = -1, barriers = -1;
};

}  // namespace

ConverterCode converter_code(const Layout& layout, const NumberFormat& format, const Converters& converters) {
  const std::int64_t plane = (std::int64_t{1} << format.plane_bits) - 1;
  const std::int64_t largest = layout.summed_rows() * format.largest_level() * plane;
  std::int64_t bits = converters.bits;
  if (bits == 0 && converters.rule == Converters::Rule::kExact) bits = bits_to_count(largest + 1);
  if (bits == 0) bits = bits_to_count(layout.summed_rows());
  bits = std::clamp<std::int64_t>(bits, 1, kMostConverterBits);
  return {bits, std::max<std::int64_t>(0, bits_to_count(largest) - converters.halvings - bits)};
}

std::string plan_of(const AnalogPlan& plan) {
  const NumberFormat& f = plan.format;
  std::string text = fmt::format("{} {} {} {} {} {} {}\n", plan.array.rows, plan.array.columns, f.weight_bits,
                                 f.cell_bits, f.input_bits, f.middle_bits, f.plane_bits);
  for (std::size_t m = 0; m < plan.matrices.size(); ++m)
    for (std::size_t s = 0; s < plan.matrices[m].stages.size(); ++s) {
      const Layout& layout = *plan.matrices[m].stages[s];
      const ArrayStage& stage = layout.stage();
      text +=
          fmt::format("{} {} {}: {} {} {} {} {} {} {}\n", m, s, kCellMappingNames[static_cast<int>(layout.mapping())],
                      stage.blocks, stage.inputs, stage.outputs, stage.in.per_block, stage.in.per_channel,
                      stage.out.per_block, stage.out.per_channel);
      for (const TilePlace& at : plan.placed.places[m][s]) text += fmt::format("{} {}\n", at.array, at.diagonal);
    }
  return sha256(text);
}

PhaseBuffers buffers_of(const AnalogPlan& plan, std::span<const std::size_t> members) {
  return {members.size(), most_stages(plan, members)};
}

CommandStream schedule(const AnalogPlan& plan, std::span<const std::size_t> members, std::int64_t tokens) {
  const PhaseBuffers buffers = buffers_of(plan, members);
  CommandStream stream{.plan = plan_of(plan),
                       .array = plan.array,
                       .arrays = plan.placed.arrays,
                       .adcs = plan.converters.adcs,
                       .buffers = {},
                       .commands = {}};
  for (std::int64_t token = 0; token < tokens; ++token) append_buffers(plan, members, buffers, stream.buffers);
  std::vector<StageCommands> stages;
  for (std::size_t s = 0; s < buffers.stages; ++s) stages.emplace_back(plan, members, s);
  const auto n_stages = static_cast<std::int64_t>(buffers.stages);
  if (!plan.rules.stages_overlap) {
    for (std::int64_t token = 0; token < tokens; ++token)
      for (const StageCommands& stage : stages) {
        stage.append(token, buffers, stream.commands);
        stream.commands.push_back({.kind = Command::Kind::kBarrier});
      }
    return stream;
  }
  for (std::int64_t interval = 0; interval < tokens + n_stages - 1; ++interval) {
    for (std::int64_t s = n_stages - 1; s >= 0; --s)
      if (interval - s >= 0 && interval - s < tokens)
        stages[static_cast<std::size_t>(s)].append(interval - s, buffers, stream.commands);
    stream.commands.push_back({.kind = Command::Kind::kBarrier});
  }
  return stream;
}

std::int64_t pass_time(const AnalogPlan& plan, const ArrayPass& pass, std::size_t stage, const ArrayTimes& times) {
  const auto layout_of = [&](const ServedTile& tile) -> const Layout& {
    return *plan.matrices[tile.matrix].stages[stage];
  };
  std::int64_t step_time = times.read;
  for (const ServedTile& tile : pass.tiles) {
    const Layout& layout = layout_of(tile);
    // All steps of a tile convert as many columns as its first.
    const std::int64_t columns = layout.step(tile.tile, tile.diagonal, 0).columns.count;
    step_time += divide_up(columns, plan.converters.adcs) * converter_code(layout, plan.format, plan.converters).bits *
                 times.per_bit;
  }
  const ServedTile& first = pass.tiles.front();
  return layout_of(first).steps(first.tile) * plan.format.planes(stage) * step_time;
}

StreamTime time_of(const CommandStream& stream, const ArrayTimes& times) {
  StreamTime result;
  result.busy.resize(static_cast<std::size_t>(stream.arrays));
  std::vector<ArrayClock> clocks(static_cast<std::size_t>(stream.arrays));
  std::int64_t barrier = 0, barriers = 0;
  for (const Command& command : stream.commands) {
    if (command.kind == Command::Kind::kBarrier) {
      barrier = result.total;
      ++barriers;
      continue;
    }
    ArrayClock& clock = clocks[static_cast<std::size_t>(command.array)];
    std::int64_t duration = 0;  // stores go through a buffer of their own, behind the converters
    if (command.kind == Command::Kind::kActivate) {
      clock.planes = command.amount;
      duration = clock.planes * times.read;
      if (clock.barriers != barriers) {
        clock.barriers = barriers;
        clock.free = std::max(clock.free, barrier);
        clock.interval = static_cast<std::int64_t>(result.intervals.size());
        result.intervals.push_back({command.array, clock.free, clock.free});
      }
    }
    if (command.kind == Command::Kind::kConvert)
      duration = clock.planes * divide_up(command.cells.count, stream.adcs) * command.amount * times.per_bit;
    clock.free += duration;
    result.busy[static_cast<std::size_t>(command.array)] += duration;
    result.intervals[static_cast<std::size_t>(clock.interval)].end = clock.free;
    result.total = std::max(result.total, clock.free);
  }
  return result;
}

}  // namespace sparsecim
