#include "hardware/dcim/machine.hpp"

#include <algorithm>
#include <cmath>

#include "base/check.hpp"
#include "hardware/components/gates.hpp"
#include "hardware/native_pattern.hpp"
#include "hardware/timing.hpp"

namespace sparsecim {
namespace {

constexpr double kMostCycles = 0x1p53;  // a double no longer counts exactly beyond it
constexpr double kMostBits = 0x1p60;

Tiling tiling_of(const Placement& placement) {
  return {placement.input_tiles, placement.output_tiles, placement.tiles_per_macro};
}

/// Weights (with their positions) as the machine stores them: every slot of the native pattern, empty or not.
std::int64_t stored_bits(const Operation& operation, Pattern native, std::int64_t bits_per_word) {
  const std::int64_t blocks = divide_up(operation.n_inputs, native.m);
  const std::int64_t slots = native.dense() ? operation.n_inputs : blocks * native.n;
  return operation.n_outputs * slots * bits_per_word;
}

/// What is alive while an operation runs. The KV cache is not in it: it is the model's, equal for all machines.
/// Attention's heads and sequences follow each other, so one product's inputs and outputs are alive at a time.
std::int64_t activation_bits(const Operation& operation, std::int64_t bits) {
  return (operation.n_tokens * (operation.n_inputs + operation.n_outputs) + operation.held_values) * bits;
}

/// Every macro but the last has tiles_per_macro tiles; the last works for its share of the time.
void add_macro_spans(const Placement& placement, OperationRun& run) {
  const std::int64_t last_macro = placement.macros_used - 1;
  const std::int64_t last_tiles = placement.tiles() - last_macro * placement.tiles_per_macro;
  const bool equal = last_tiles == placement.tiles_per_macro;
  if (equal || last_macro > 0)
    run.spans.push_back({"macros", 0, equal ? last_macro : last_macro - 1, 0, run.cycles, "compute"});
  if (equal) return;
  const double share = static_cast<double>(last_tiles) / static_cast<double>(placement.tiles_per_macro);
  const auto cycles = static_cast<std::int64_t>(share * static_cast<double>(run.cycles));
  run.spans.push_back({"macros", last_macro, last_macro, 0, cycles, "compute"});
}

std::string superset_note(int operations) {
  return fmt::format("{} operations run at a denser pattern than their own, which the machine lacks", operations);
}

std::string_view weights_note(SystemParameters::Weights weights) {
  switch (weights) {
    case SystemParameters::Weights::kOnChip:
      return "weights on chip: the area includes SRAM for the weights of all matrix products, but not for an embedding "
             "table that is only looked up";
    case SystemParameters::Weights::kResident:
      return "weights resident: a macro per tile, loaded before the run; sparsity saves macros, energy and area, but "
             "no time";
    case SystemParameters::Weights::kDram:
      break;
  }
  return "weights from DRAM: streamed for every use; the area is the chip's alone";
}

}  // namespace

DcimMachine::DcimMachine(std::string_view kind, std::unique_ptr<const TileArray> array, SystemParameters system,
                         std::unique_ptr<const InputStage> stage, Json parameters)
    : kind_(kind),
      array_(std::move(array)),
      shape_(array_->shape()),
      system_(system),
      stage_(std::move(stage)),
      parameters_(std::move(parameters)) {
  const std::vector<Path> all = paths();
  clock_ns_ = path_ns(longest_path(all, system_.node_nm), system_.node_nm).nominal;
}

Result<Placement> DcimMachine::place(const Operation& operation) const {
  Placement placement;
  if (operation.kind == Operation::Kind::kAttention) return placement;
  SC_TRY_ASSIGN(placement.pattern, native_pattern(operation, stage_->patterns()));
  SC_TRY(stage_->check(operation, placement.pattern));
  placement.inputs_per_tile = stage_->inputs_per_pass(placement.pattern);
  placement.outputs_per_tile = shape_.columns;
  placement.input_tiles = divide_up(operation.n_inputs, placement.inputs_per_tile);
  placement.output_tiles = divide_up(operation.n_outputs, shape_.columns);
  const bool resident = system_.weights == SystemParameters::Weights::kResident;
  const std::int64_t macros = resident ? placement.tiles() : system_.macros;
  const Tiling tiling = Tiling::over(placement.input_tiles, placement.output_tiles, macros);
  placement.tiles_per_macro = tiling.tiles_per_macro;
  placement.macros_used = tiling.macros_used();
  placement.stored_bits =
      stored_bits(operation, placement.pattern, shape_.weight_bits + stage_->position_bits(placement.pattern));
  return placement;
}

double DcimMachine::most_cycles(const Operation& operation, const Placement& placement) const {
  if (operation.kind == Operation::Kind::kAttention) return static_cast<double>(operation.dense_macs());
  const PassTiming timing = stage_->timing(placement.pattern, placement.inputs_per_tile);
  const std::int64_t chunks = divide_up(operation.n_tokens, chunk_tokens(operation, placement));
  const double passes = static_cast<double>(operation.n_tokens) * static_cast<double>(timing.initiation_interval);
  const double overhead = static_cast<double>(timing.fill + shape_.load_cycles) * static_cast<double>(chunks);
  const bool streams = system_.weights == SystemParameters::Weights::kDram;
  const double once = static_cast<double>(placement.tiles_per_macro) * (passes + overhead) +
                      (streams ? dram_cycles(placement, chunks) : 0);
  return static_cast<double>(operation.count) * once;
}

void DcimMachine::size_system(const Workload& workload, Mapping& mapping) const {
  mapping.macros = system_.macros;
  std::int64_t tiles = 0;
  for (std::size_t i = 0; i < workload.operations.size(); ++i) {
    const Operation& operation = workload.operations[i];
    mapping.activation_sram_bits =
        std::max(mapping.activation_sram_bits, activation_bits(operation, shape_.activation_bits));
    if (operation.kind == Operation::Kind::kAttention) continue;
    tiles += mapping.placements[i].tiles();
    if (system_.weights == SystemParameters::Weights::kOnChip)
      mapping.weight_sram_bits += mapping.placements[i].stored_bits;
  }
  if (system_.weights == SystemParameters::Weights::kResident) mapping.macros = std::max<std::int64_t>(tiles, 1);
}

Result<Mapping> DcimMachine::map(const Workload& workload) const {
  Mapping mapping;
  int supersets = 0;
  double stored_bits = 0, cycles = 0;
  for (const Operation& operation : workload.operations) {
    SC_TRY_ASSIGN(const Placement placement, within(operation.name, place(operation)));
    cycles += most_cycles(operation, placement);
    supersets += placement.pattern.density() > operation.pattern.density();
    stored_bits += static_cast<double>(placement.stored_bits);
    mapping.placements.push_back(placement);
  }
  if (cycles > kMostCycles || stored_bits > kMostBits)
    return fail(Remedy{"run a smaller workload"},
                "{:.2g} cycles and {:.2g} bits of weights are more than can be counted", cycles, stored_bits);
  size_system(workload, mapping);
  if (supersets > 0) mapping.notes.push_back(superset_note(supersets));
  mapping.notes.emplace_back(weights_note(system_.weights));
  return mapping;
}

std::int64_t DcimMachine::chunk_tokens(const Operation& operation, const Placement& placement) const {
  const bool keeps_sums = tiling_of(placement).local_sums() > 0;
  return keeps_sums ? std::min(system_.partial_sum_tokens(shape_.columns), operation.n_tokens) : operation.n_tokens;
}

double DcimMachine::dram_cycles(const Placement& placement, std::int64_t chunks) const {
  const double bits = static_cast<double>(placement.stored_bits) * static_cast<double>(chunks);
  return std::ceil(bits / (8 * system_.dram_gb_per_s * clock_ns_));  // 1 GB/s is a byte per ns
}

DcimMachine::Pace DcimMachine::pace(const Operation& operation, const Placement& placement) const {
  Pace pace;
  const std::int64_t inputs = std::min(operation.n_inputs, placement.inputs_per_tile);
  pace.timing = stage_->timing(placement.pattern, inputs);
  pace.chunks = divide_up(operation.n_tokens, chunk_tokens(operation, placement));
  const std::int64_t tokens = operation.n_tokens / pace.chunks;  // of a smaller chunk; the larger have one more
  const std::int64_t larger = operation.n_tokens % pace.chunks, smaller = pace.chunks - larger;
  // Steps follow each other every max(tokens * II, load): the next tile is loaded, a row a cycle, from the moment that
  // the one before starts to work.
  const bool resident = system_.weights == SystemParameters::Weights::kResident;
  const std::int64_t load = resident ? 0 : shape_.load_cycles;
  const std::int64_t interval = pace.timing.initiation_interval;
  const std::int64_t larger_step = std::max((tokens + 1) * interval, load);
  const std::int64_t smaller_step = std::max(tokens * interval, load);
  pace.last_step_start = placement.tiles_per_macro * (larger * larger_step + smaller * smaller_step) - smaller_step;
  pace.end = pace.last_step_start + (tokens - 1) * interval + pace.timing.fill;
  pace.next_loaded = pace.last_step_start + load;
  const std::int64_t loading = (larger_step > (tokens + 1) * interval ? larger * load : 0) +
                               (smaller_step > tokens * interval ? smaller * load : 0);
  const bool mostly_loads = 2 * loading > larger * larger_step + smaller * smaller_step;
  pace.bound = mostly_loads ? "weight load" : pace.timing.bound;
  if (system_.weights == SystemParameters::Weights::kDram) wait_for_dram(placement, pace);
  return pace;
}

/// Weights stream in behind the computation of the operation before; the slower of both sets the pace.
void DcimMachine::wait_for_dram(const Placement& placement, Pace& pace) const {
  const auto stream = static_cast<std::int64_t>(dram_cycles(placement, pace.chunks));
  if (stream <= pace.period()) return;
  pace.dram_stream = stream;
  pace.bound = "dram";
}

void DcimMachine::add_events(const Operation& operation, const Placement& placement, const Pace& pace,
                             std::vector<Event>& events) const {
  const double tokens = static_cast<double>(operation.n_tokens) * static_cast<double>(operation.count);
  const double sums = static_cast<double>(placement.input_tiles) * static_cast<double>(operation.n_outputs);
  ArrayWork work;
  work.tile_passes = tokens * static_cast<double>(placement.tiles());
  work.column_passes = tokens * sums;
  work.weight_ones = operation.weight_one_bits() / (sums * static_cast<double>(shape_.rows * shape_.weight_bits));
  work.input_deliveries =
      tokens * static_cast<double>(operation.n_inputs) * static_cast<double>(placement.output_tiles);
  work.fed_words = work.input_deliveries * placement.pattern.density() * static_cast<double>(shape_.columns);
  work.take(operation.activity, std::min(operation.n_inputs, placement.inputs_per_tile), shape_.holds_zero_planes);
  array_->add_events(work, events);
  stage_->add_events(placement.pattern, work, events);
  add_system_events(system_,
                    {.repetitions = static_cast<double>(operation.count),
                     .tokens = static_cast<double>(operation.n_tokens),
                     .tiling = tiling_of(placement),
                     .inputs = operation.n_inputs,
                     .outputs = operation.n_outputs,
                     .columns = shape_.columns,
                     .words = shape_.words(),
                     .word_bits = static_cast<double>(shape_.weight_bits + stage_->cell_position_bits()),
                     .stored_bits = static_cast<double>(placement.stored_bits),
                     .loads = static_cast<double>(pace.chunks)},
                    events);
}

OperationRun DcimMachine::run_linear(const Operation& operation, const Placement& placement, const Pace& pace) const {
  OperationRun run;
  run.cycles = pace.cycles(operation.count);
  Pace unhindered = pace;
  unhindered.dram_stream = 0;
  run.dram_wait_cycles = run.cycles - unhindered.cycles(operation.count);
  run.initiation_interval = pace.timing.initiation_interval;
  run.bound = pace.bound;
  run.useful_multiplies = static_cast<double>(operation.nonzero_weights()) * static_cast<double>(operation.n_tokens) *
                          static_cast<double>(operation.count);
  add_events(operation, placement, pace, run.events);
  add_macro_spans(placement, run);
  if (system_.weights == SystemParameters::Weights::kDram)
    run.spans.push_back({"dram", 0, 0, 0, run.cycles, "stream weights"});
  return run;
}

OperationRun DcimMachine::run_attention(const Operation& operation) const {
  OperationRun run;
  run.cycles = divide_up(operation.dense_macs(), system_.vector_macs_per_cycle);
  run.bound = "vector unit";
  add_attention_events(operation, run.events);
  run.spans.push_back({"vector unit", 0, 0, 0, run.cycles, "compute"});
  return run;
}

Run DcimMachine::run(const Workload& workload, const Mapping& mapping, Fidelity) const {
  SC_CHECK(mapping.placements.size() == workload.operations.size());
  Run run;
  // The first tile of all has nothing to hide its loading behind.
  std::int64_t loaded = system_.weights == SystemParameters::Weights::kResident ? 0 : shape_.load_cycles;
  for (std::size_t i = 0; i < workload.operations.size(); ++i) {
    const Operation& operation = workload.operations[i];
    OperationRun one;
    if (operation.kind == Operation::Kind::kAttention) {
      one = run_attention(operation);
      one.start_cycle = run.cycles;
    } else {
      const Pace pace = this->pace(operation, mapping.placements[i]);
      one = run_linear(operation, mapping.placements[i], pace);
      one.start_cycle = std::max(run.cycles, loaded);
      loaded = one.start_cycle + one.cycles - std::max(pace.end, pace.dram_stream) + pace.next_loaded;
    }
    for (Span& span : one.spans) span.start_cycle += one.start_cycle;
    run.cycles = one.start_cycle + one.cycles;
    run.operations.push_back(std::move(one));
  }
  run.available_multiplies = static_cast<double>(mapping.macros) * static_cast<double>(shape_.words()) *
                             static_cast<double>(run.cycles) / static_cast<double>(shape_.cycles_per_multiply);
  return run;
}

std::vector<Path> DcimMachine::paths() const {
  std::vector<Path> all;
  array_->add_paths(all, stage_->steps_to_multiplier());
  stage_->add_paths(all);
  add_system_paths(all);
  return all;
}

Inventory DcimMachine::inventory(const Mapping& mapping) const {
  Inventory inventory{.node_nm = system_.node_nm, .macros = mapping.macros, .paths = paths()};
  array_->add_parts(inventory.macro_parts);
  // The planes are looked at as they come through the buffer's port: a tree of gates over its width.
  if (shape_.holds_zero_planes)
    inventory.macro_parts.push_back(
        {"zero-plane detection", &kNand2, static_cast<double>(system_.activation_bandwidth_bits - 1)});
  stage_->add_parts(inventory.macro_parts);
  if (system_.weights != SystemParameters::Weights::kResident) {
    const std::int64_t bits = shape_.words() * (shape_.weight_bits + stage_->cell_position_bits());
    array_->add_second_weights(bits, inventory.macro_parts);
  }
  add_system_parts(system_, mapping, shape_, inventory);
  return inventory;
}

}  // namespace sparsecim
