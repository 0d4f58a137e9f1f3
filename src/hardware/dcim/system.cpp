#include "hardware/dcim/system.hpp"

#include <algorithm>

#include "hardware/components/adder_tree.hpp"
#include "hardware/components/arithmetic.hpp"
#include "hardware/components/clock.hpp"
#include "hardware/components/dram.hpp"
#include "hardware/components/gates.hpp"
#include "hardware/components/links.hpp"

namespace sparsecim {
namespace {

constexpr std::int64_t kOperandBits = 8;
constexpr double kRegistersPerAdderBit = 2;  // two stages

/// Of a lane of the vector unit: both operands, their product, the sum.
constexpr double kLaneRegisterBits = 2 * kOperandBits + 2 * kOperandBits + 32;

/// Adders that add partial sums up behind a macro: the cycles between two tokens serve all columns.
std::int64_t output_adders(const TileShape& shape) { return divide_up(shape.columns, shape.cycles_per_multiply); }

void add_weight_movement(const SystemParameters& system, const SystemWork& work, std::vector<Event>& events) {
  if (system.weights == SystemParameters::Weights::kResident) return;  // written once, before the run
  const double operand_bits = static_cast<double>(work.inputs * work.outputs * kOperandBits);
  const double moved_bits = (work.attention ? operand_bits : work.stored_bits) * work.loads * work.repetitions;
  const double words = static_cast<double>(work.tiling.tiles() * work.words) * work.loads * work.repetitions;
  if (work.attention)
    events.push_back({"activation SRAM", &kSramRead, moved_bits});
  else if (system.weights == SystemParameters::Weights::kOnChip)
    events.push_back({"weight SRAM", &kSramRead, moved_bits});
  else
    events.push_back({"dram", &kDrams[system.dram_kind], moved_bits});
  events.push_back({"link", &kLink, moved_bits});
  events.push_back({"weight load", &kWeightWrite, words * work.word_bits / kOperandBits});
}

/// Inputs (of one token) that are read for multicasts: as many as a tile takes for each, fewer for the last input tile.
std::int64_t multicast_inputs(const SystemWork& work) {
  const Multicasts multicasts = work.tiling.multicasts();
  const std::int64_t last = work.inputs - (work.tiling.input_tiles - 1) * work.tile_inputs;
  return (multicasts.all - multicasts.last_input) * work.tile_inputs + multicasts.last_input * last;
}

void add_activation_movement(const SystemParameters& system, const SystemWork& work, std::vector<Event>& events) {
  const double tokens = work.tokens * work.repetitions;
  const double input_bits = tokens * static_cast<double>(work.inputs) * kOperandBits;
  const double output_bits = tokens * static_cast<double>(work.outputs) * kOperandBits * work.writes;
  const double delivered_bits = input_bits * static_cast<double>(work.tiling.output_tiles) * work.passes;
  const double read_bits = tokens * static_cast<double>(multicast_inputs(work)) * kOperandBits * work.reads;
  events.push_back({"activation SRAM", &kSramRead, read_bits});
  events.push_back({"activation SRAM", &kSramWrite, output_bits});
  events.push_back({"link", &kLink, delivered_bits + output_bits});
  events.push_back({"activation buffers", &system.activation_sram().write, delivered_bits});
  events.push_back({"activation buffers", &system.activation_sram().read, delivered_bits});
}

/// Outputs (of one token) whose partial sums meet on the link: `columns` for each join, fewer in the last output tile.
std::int64_t joined_outputs(const SystemWork& work) {
  const std::int64_t last = work.tiling.joins_of_last_output();
  const std::int64_t last_columns = work.outputs - (work.tiling.output_tiles - 1) * work.columns;
  return (work.tiling.joins() - last) * work.columns + last * last_columns;
}

/// Adders of a word in two halves, one after the other, with registers for what waits.
void add_adder_parts(std::string_view component, std::int64_t adders, std::vector<Part>& parts) {
  const auto bits = static_cast<double>(adders * kPartialSumBits);
  parts.push_back({component, &kFullAdder, bits});
  parts.push_back({component, &kFlipFlop, kRegistersPerAdderBit * bits});
}

/// Every word is new, so half of its bits differ from the one before.
void add_addition_events(std::string_view component, double bits, std::vector<Event>& events) {
  events.push_back({component, &kFullAdder, kFreshOperandActivity * bits});
  events.push_back({component, &kFlipFlop, kRegistersPerAdderBit * bits / 2});
  events.push_back({"clock", &kClockPin, kRegistersPerAdderBit * bits});
}

void add_partial_sums(const SystemWork& work, std::vector<Event>& events) {
  const double tokens = work.tokens * work.repetitions * work.passes;
  const std::int64_t joined = joined_outputs(work);
  const double joined_bits = tokens * static_cast<double>(joined * kPartialSumBits);
  const double local_bits =
      tokens * static_cast<double>((work.outputs * (work.tiling.input_tiles - 1) - joined) * kPartialSumBits);
  const SramBank& sram = SystemParameters::partial_sum_sram();
  events.push_back({"partial sums", &sram.read, local_bits});
  events.push_back({"partial sums", &sram.write, local_bits});
  events.push_back({"link", &kLink, joined_bits});
  add_addition_events("partial sums", local_bits, events);
  add_addition_events("link adders", joined_bits, events);
}

}  // namespace

std::vector<std::string> dram_names() {
  std::vector<std::string> names;
  for (const Cost& dram : kDrams) names.emplace_back(dram.name);
  return names;
}

std::int64_t SystemParameters::partial_sum_tokens(std::int64_t columns) const {
  return partial_sum_kib * 1024 * 8 / (columns * kPartialSumBits);
}

std::int64_t SystemParameters::partial_sum_cycles(const TileShape& shape) const {
  const SramBank& bank = partial_sum_sram();
  const std::int64_t port_bits = partial_sum_kib * 1024 / bank.bytes * bank.port_bits;
  return std::max(divide_up(shape.columns, output_adders(shape)),
                  divide_up(2 * shape.columns * kPartialSumBits, port_bits));
}

std::int64_t SystemParameters::link_cycles(std::int64_t columns) const {
  return divide_up(columns * kPartialSumBits, activation_bandwidth_bits);
}

Result<void> validate_system(const SystemParameters& system, std::int64_t columns) {
  if (system.attention == SystemParameters::Attention::kWritten &&
      system.weights == SystemParameters::Weights::kResident)
    return fail(
        Remedy{"choose system.weights: on_chip or dram, or system.attention: digital"},
        "system.attention: every macro holds weights that stay (system.weights: resident), so none can take keys "
        "and values");
  if (system.partial_sum_kib % 2 != 0)
    return fail(Remedy{"choose an even number"}, "partial_sums.kib: {} is no multiple of the 2 KiB bank",
                system.partial_sum_kib);
  if (system.partial_sum_tokens(columns) < 1)
    return fail(Remedy{fmt::format("at least {}", divide_up(columns * kPartialSumBits, 8 * 1024))},
                "partial_sums.kib: {} KiB do not hold the sums of one token", system.partial_sum_kib);
  return {};
}

void add_system_parts(const SystemParameters& system, const Mapping& mapping, const TileShape& shape,
                      Inventory& inventory) {
  const SramBank& bank = system.activation_sram();
  const std::int64_t banks = divide_up(system.activation_bandwidth_bits, bank.port_bits);
  std::vector<Part>& macro = inventory.macro_parts;
  macro.push_back({"activation buffers", &bank.read, static_cast<double>(banks * bank.bytes * 8)});
  macro.push_back({"partial sums", &SystemParameters::partial_sum_sram().read,
                   static_cast<double>(system.partial_sum_kib * 1024 * 8)});
  add_adder_parts("partial sums", output_adders(shape), macro);
  const auto lanes = static_cast<double>(system.vector_macs_per_cycle);
  std::vector<Part>& around = inventory.system_parts;
  around.push_back({"vector unit", &kMultiplier8, lanes});
  around.push_back({"vector unit", &kAdder32, lanes});
  around.push_back({"vector unit", &kFlipFlop, lanes * kLaneRegisterBits});
  around.push_back({"weight SRAM", &kSramRead, static_cast<double>(mapping.weight_sram_bits)});
  around.push_back({"activation SRAM", &kSramRead, static_cast<double>(mapping.activation_sram_bits)});
  add_adder_parts("link adders", mapping.macros * output_adders(shape), around);
}

void add_system_paths(std::vector<Path>& paths) {
  // Partial sums, and the sums of the vector unit, are added in two halves.
  paths.push_back({"add half a word", {{&kCarryOutDelay, 1}, {&kCarryDelay, kPartialSumBits / 2 - 1}}});
  // An array of ripple-carry rows: down through the sums of all rows but the first, then along the last.
  paths.push_back(
      {"vector unit, multiply", {{&kNorDelay, 1}, {&kSumDelay, kOperandBits - 1}, {&kCarryDelay, kOperandBits}}});
}

void add_system_events(const SystemParameters& system, const SystemWork& work, std::vector<Event>& events) {
  add_weight_movement(system, work, events);
  add_activation_movement(system, work, events);
  add_partial_sums(work, events);
}

void add_attention_events(const Operation& operation, std::vector<Event>& events) {
  const auto macs = static_cast<double>(operation.dense_macs());
  const bool along_inputs = operation.keys.along_inputs;
  const auto head = static_cast<double>(along_inputs ? operation.n_outputs : operation.n_inputs);
  const double pairs = macs / head;  // what Q K^T writes and P V reads: of a query and a key that it sees
  const double queries = static_cast<double>(operation.count * operation.n_tokens) * head;
  const double mean_keys = static_cast<double>(operation.n_keys()) +
                           static_cast<double>(operation.keys.per_step * (operation.steps() - 1)) / 2;
  const double read = static_cast<double>(operation.count) * mean_keys * head + (along_inputs ? pairs : queries);
  const double written = along_inputs ? queries : pairs;
  events.push_back({"vector unit", &kMultiplier8, macs});
  events.push_back({"vector unit", &kAdder32, macs});
  events.push_back({"vector unit", &kFlipFlop, macs * kLaneRegisterBits / 2});  // every word is new
  events.push_back({"clock", &kClockPin, macs * kLaneRegisterBits});
  events.push_back({"activation SRAM", &kSramRead, read * kOperandBits});
  events.push_back({"activation SRAM", &kSramWrite, written * kOperandBits});
}

}  // namespace sparsecim
