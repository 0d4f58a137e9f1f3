#include "hardware/dcim/machine.hpp"

#include <algorithm>
#include <cmath>

#include "base/check.hpp"
#include "hardware/components/gates.hpp"
#include "hardware/dcim/closed_form.hpp"
#include "hardware/dcim/cycle_model.hpp"
#include "hardware/dcim/key_steps.hpp"
#include "hardware/native_pattern.hpp"
#include "hardware/timing.hpp"

namespace sparsecim {
namespace {

constexpr double kMostCycles = 0x1p53;  // a double no longer counts exactly beyond it
constexpr double kMostBits = 0x1p60;

Tiling tiling_of(const Placement& placement) {
  return {placement.input_tiles, placement.output_tiles, placement.tiles_per_macro};
}

/// Columns of the macros that an input tile takes, over all output tiles.
std::int64_t columns_of(const Operation& operation, const Placement& placement) {
  return placement.packed_columns > 0 ? placement.packed_columns : operation.n_outputs;
}

/// Of an output: every slot of the native pattern, empty or not.
std::int64_t slots_of(const Operation& operation, Pattern native) {
  const std::int64_t blocks = divide_up(operation.n_inputs, native.m);
  return native.dense() ? operation.n_inputs : blocks * native.n;
}

/// What is alive while an operation runs. The KV cache is not in it: it is the model's, equal for all machines.
/// Attention's heads and sequences follow each other, so one product's inputs and outputs are alive at a time.
std::int64_t activation_bits(const Operation& operation, std::int64_t bits) {
  if (operation.kind == Operation::Kind::kLinear)
    return (operation.n_tokens * (operation.n_inputs + operation.n_outputs) + operation.held_values) * bits;
  const Operation last = operation.step(operation.steps() - 1);
  const std::int64_t queries = last.n_tokens * (last.keys.along_inputs ? last.n_outputs : last.n_inputs);
  return (queries + last.visible_pairs() + last.held_values) * bits;
}

std::unique_ptr<Schedule> make_schedule(Fidelity fidelity) {
  if (fidelity == Fidelity::kCycle) return std::make_unique<CycleModel>();
  return std::make_unique<ClosedForm>();
}

OperationRun run_of(Timed timed) {
  OperationRun run;
  run.start_cycle = timed.start_cycle;
  run.cycles = timed.cycles;
  run.spans = std::move(timed.spans);
  return run;
}

std::string_view bound_of(const LinearWork& work, const Timed& timed) {
  if (2 * timed.load_bound_steps <= timed.steps) return pass_timing(work.path).bound;
  return work.load_cycles(work.tiling.macros_used()) > work.rows_to_load ? "dram" : "weight load";
}

/// Tiles of as many inputs each: full ones, and the last where it is not full.
std::vector<InputTiles> input_tiles_of(const Operation& operation, const Placement& placement) {
  const std::int64_t full = operation.n_inputs / placement.inputs_per_tile;
  const std::int64_t in_full = full * placement.inputs_per_tile;
  std::vector<InputTiles> tiles;
  if (full > 0) tiles.push_back({full, in_full});
  if (in_full < operation.n_inputs) tiles.push_back({1, operation.n_inputs - in_full});
  return tiles;
}

/// Tells which macros it was that `timed` speaks of, `rounds` times as many products side by side as there are macros
/// for, of `products` in all. REQUIRES: a tile in every macro, where there are several side by side.
void occupy(const Placement& placement, std::int64_t rounds, std::int64_t products, Timed& timed, MacroUses& uses) {
  const std::int64_t width = placement.macros_used, first = placement.first_macro;
  for (Span& span : timed.spans) {
    if (span.resource != kMacros) continue;
    span.first_unit += first;
    span.last_unit += first + (placement.side_by_side - 1) * width;
  }
  if (placement.side_by_side == 1) {
    uses.add(first, first + width - 2, timed.full_macro);
    uses.add(first + width - 1, first + width - 1, timed.last_macro);
    return;
  }
  const std::int64_t in_last_round = products - (rounds - 1) * placement.side_by_side;
  const BusyCycles less{timed.full_macro.multiply / rounds * (rounds - 1),
                        timed.full_macro.load / rounds * (rounds - 1)};
  uses.add(first, first + in_last_round * width - 1, timed.full_macro);
  uses.add(first + in_last_round * width, first + placement.side_by_side * width - 1, less);
}

/// Adds `times` the counts to those of the same component and cost.
void add_scaled(const std::vector<Event>& events, double times, std::vector<Event>& sum) {
  for (const Event& event : events) {
    const auto same = std::ranges::find_if(
        sum, [&](const Event& other) { return other.component == event.component && other.cost == event.cost; });
    if (same != sum.end())
      same->count += times * event.count;
    else
      sum.push_back({event.component, event.cost, times * event.count});
  }
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

bool DcimMachine::on_macros(const Operation& operation) const {
  return operation.kind == Operation::Kind::kLinear || system_.attention == SystemParameters::Attention::kWritten;
}

Result<Placement> DcimMachine::place(const Operation& whole) const {
  Placement placement;
  if (!on_macros(whole)) return placement;
  const Operation operation = whole.step(whole.steps() - 1);
  SC_TRY_ASSIGN(placement.pattern, native_pattern(operation, stage_->patterns()));
  SC_TRY(stage_->check(operation, placement.pattern));
  placement.inputs_per_tile = stage_->inputs_per_pass(placement.pattern);
  placement.outputs_per_tile = shape_.columns;
  placement.input_tiles = divide_up(operation.n_inputs, placement.inputs_per_tile);
  placement.output_tiles = divide_up(operation.n_outputs, shape_.columns);
  pack_rows(operation, placement);
  const bool resident = system_.weights == SystemParameters::Weights::kResident;
  const std::int64_t room = std::max<std::int64_t>(1, system_.macros / placement.tiles());
  placement.side_by_side = std::min(operation.independent, room);
  const std::int64_t macros = resident ? placement.tiles() : system_.macros / placement.side_by_side;
  const Tiling tiling = Tiling::over(placement.input_tiles, placement.output_tiles, macros);
  placement.tiles_per_macro = tiling.tiles_per_macro;
  placement.macros_used = tiling.macros_used();
  if (operation.kind == Operation::Kind::kAttention) return placement;  // stored nowhere but in the macros
  const std::int64_t columns = columns_of(operation, placement);
  const std::int64_t bits_per_slot = columns * shape_.weight_bits + stage_->position_bits(placement.pattern, columns);
  placement.stored_bits = slots_of(operation, placement.pattern) * bits_per_slot;
  return placement;
}

void DcimMachine::pack_rows(const Operation& operation, Placement& placement) const {
  const auto packed = stage_->packed_rows(operation);
  if (!packed) return;
  const std::int64_t inputs_per_tile = stage_->inputs_per_pass(packed->pattern);
  const std::int64_t input_tiles = divide_up(operation.n_inputs, inputs_per_tile);
  const auto columns = static_cast<std::int64_t>(std::ceil(packed->columns / static_cast<double>(input_tiles)));
  const std::int64_t output_tiles = divide_up(columns, shape_.columns);
  if (input_tiles * output_tiles >= placement.tiles()) return;
  placement.pattern = packed->pattern;
  placement.packed_columns = columns;
  placement.inputs_per_tile = inputs_per_tile;
  placement.input_tiles = input_tiles;
  placement.output_tiles = output_tiles;
  placement.outputs_per_tile = std::max<std::int64_t>(1, operation.n_outputs * shape_.columns / columns);
}

double DcimMachine::most_cycles(const Operation& operation, const Placement& placement) const {
  if (!on_macros(operation)) return static_cast<double>(operation.dense_macs());
  const LinearWork work = work_of(operation, placement);
  const PassTiming timing = pass_timing(work.path);
  const double passes = static_cast<double>(work.tokens) * static_cast<double>(timing.initiation_interval);
  const double stream = std::ceil(work.stream_cycles_per_tile * static_cast<double>(placement.macros_used));
  const double chunk = static_cast<double>(timing.fill + work.rows_to_load) + stream;
  const double links = static_cast<double>(work.tiling.longest_chain() * (work.path.link_cycles + kLinkRegister));
  const double steps = static_cast<double>(placement.tiles_per_macro);
  const double times =
      static_cast<double>(work.repetitions) * static_cast<double>(std::max<std::int64_t>(1, work.steps_with_results));
  return times * (steps * (passes + static_cast<double>(work.chunks) * chunk) + links);
}

void DcimMachine::size_system(const Workload& workload, Mapping& mapping) const {
  mapping.macros = system_.macros;
  std::int64_t tiles = 0;
  for (std::size_t i = 0; i < workload.operations.size(); ++i) {
    const Operation& operation = workload.operations[i];
    mapping.activation_sram_bits =
        std::max(mapping.activation_sram_bits, activation_bits(operation, shape_.activation_bits));
    if (operation.kind == Operation::Kind::kAttention) continue;
    Placement& placement = mapping.placements[i];
    if (system_.weights == SystemParameters::Weights::kResident) placement.first_macro = tiles;
    if (system_.weights == SystemParameters::Weights::kOnChip) mapping.weight_sram_bits += placement.stored_bits;
    tiles += placement.tiles();
  }
  if (system_.weights == SystemParameters::Weights::kResident) mapping.macros = std::max<std::int64_t>(tiles, 1);
}

Result<Mapping> DcimMachine::map(const Workload& workload) const {
  Mapping mapping;
  int supersets = 0, by_rows = 0;
  double stored_bits = 0, cycles = 0;
  for (const Operation& operation : workload.operations) {
    SC_TRY_ASSIGN(const Placement placement, within(operation.name, place(operation)));
    cycles += most_cycles(operation, placement);
    supersets += placement.packed_columns == 0 && placement.pattern.density() > operation.pattern.density();
    by_rows += placement.packed_columns > 0;
    stored_bits += static_cast<double>(placement.stored_bits);
    mapping.placements.push_back(placement);
  }
  if (cycles > kMostCycles || stored_bits > kMostBits)
    return fail(Remedy{"run a smaller workload"},
                "{:.2g} cycles and {:.2g} bits of weights are more than can be counted", cycles, stored_bits);
  size_system(workload, mapping);
  if (supersets > 0) mapping.notes.push_back(superset_note(supersets));
  if (by_rows > 0)
    mapping.notes.push_back(fmt::format("{} operations run with every row of a tile at a pattern of its own", by_rows));
  mapping.notes.emplace_back(weights_note(system_.weights));
  if (system_.attention == SystemParameters::Attention::kWritten)
    mapping.notes.emplace_back("attention on macros: keys and values are written into cells for every use");
  return mapping;
}

std::int64_t DcimMachine::chunk_tokens(const Operation& operation, const Placement& placement) const {
  const bool keeps_sums = tiling_of(placement).local_sums() > 0;
  return keeps_sums ? std::min(std::max<std::int64_t>(1, system_.partial_sum_tokens(placement.outputs_per_tile)),
                               operation.n_tokens)
                    : operation.n_tokens;
}

LinearWork DcimMachine::work_of(const Operation& operation, const Placement& placement) const {
  LinearWork work{.path = stage_->path(placement.pattern, std::min(operation.n_inputs, placement.inputs_per_tile)),
                  .tiling = tiling_of(placement),
                  .tokens = operation.n_tokens,
                  .chunks = divide_up(operation.n_tokens, chunk_tokens(operation, placement)),
                  .repetitions = operation.count};
  if (operation.kind == Operation::Kind::kAttention) {
    work.repetitions = divide_up(operation.independent, placement.side_by_side);
    work.steps_with_results = operation.steps();
  }
  if (work.tiling.local_sums() > 0) work.path.sum_cycles = system_.partial_sum_cycles(shape_);
  if (work.tiling.joins() > 0) work.path.link_cycles = system_.link_cycles(shape_.columns);
  if (system_.weights != SystemParameters::Weights::kResident) work.rows_to_load = shape_.load_cycles;
  if (system_.weights == SystemParameters::Weights::kDram) {
    const double tile_bits = static_cast<double>(placement.stored_bits) / static_cast<double>(placement.tiles());
    work.stream_cycles_per_tile = tile_bits / (8 * system_.dram_gb_per_s * clock_ns_);  // 1 GB/s is a byte per ns
  }
  return work;
}

ArrayWork DcimMachine::array_work(const Operation& operation, const Placement& placement, const InputTiles& tiles,
                                  double seen) const {
  const double passes = seen * static_cast<double>(operation.n_tokens) * static_cast<double>(operation.count);
  const std::int64_t columns = columns_of(operation, placement);
  const double sums = static_cast<double>(tiles.count * columns);
  const double share_of_inputs = static_cast<double>(tiles.inputs) / static_cast<double>(operation.n_inputs);
  const double words = sums * static_cast<double>(shape_.rows);
  ArrayWork work;
  work.tile_passes = passes * static_cast<double>(tiles.count * placement.output_tiles);
  work.column_passes = passes * sums;
  work.weight_ones = share_of_inputs * operation.weight_one_bits() / (words * static_cast<double>(shape_.weight_bits));
  work.kept_slots = std::min(1.0, static_cast<double>(operation.nonzero_weights()) /
                                      static_cast<double>(columns * slots_of(operation, placement.pattern)));
  work.input_deliveries = passes * static_cast<double>(tiles.inputs * placement.output_tiles);
  work.fed_words = work.input_deliveries * placement.pattern.density() * static_cast<double>(shape_.columns);
  work.take(operation.activity, tiles.inputs / tiles.count, shape_.holds_zero_planes);
  return work;
}

void DcimMachine::add_events(const Operation& operation, const Placement& placement, std::int64_t loads,
                             std::vector<Event>& events) const {
  const bool attention = operation.kind == Operation::Kind::kAttention;
  const double seen = seen_share(operation, operation.keys.along_inputs ? placement.inputs_per_tile : shape_.columns);
  std::vector<Event> all;
  for (const InputTiles& tiles : input_tiles_of(operation, placement)) {
    const ArrayWork work = array_work(operation, placement, tiles, seen);
    array_->add_events(work, all);
    stage_->add_events(placement.pattern, work, all);
  }
  add_system_events(system_,
                    {.repetitions = static_cast<double>(operation.count),
                     .tokens = static_cast<double>(operation.n_tokens),
                     .tiling = tiling_of(placement),
                     .inputs = operation.n_inputs,
                     .outputs = operation.n_outputs,
                     .tile_inputs = placement.inputs_per_tile,
                     .columns = placement.outputs_per_tile,
                     .words = shape_.words(),
                     .word_bits = static_cast<double>(shape_.weight_bits + stage_->cell_position_bits()),
                     .stored_bits = static_cast<double>(placement.stored_bits),
                     .loads = static_cast<double>(loads),
                     .attention = attention,
                     .passes = seen,
                     .reads = operation.keys.along_inputs ? seen : 1,
                     .writes = operation.keys.along_inputs ? 1 : seen},
                    all);
  add_scaled(all, 1, events);
}

OperationRun DcimMachine::run_linear(const Operation& operation, const Placement& placement, Schedule& schedule,
                                     MacroUses& uses) const {
  LinearWork work = work_of(operation, placement);
  const auto unhindered = schedule.clone();
  Timed timed = schedule.linear(work);
  occupy(placement, 1, 1, timed, uses);
  OperationRun run = run_of(timed);
  run.initiation_interval = pass_timing(work.path).initiation_interval;
  run.bound = bound_of(work, timed);
  run.useful_multiplies = static_cast<double>(operation.nonzero_weights()) * static_cast<double>(operation.n_tokens) *
                          static_cast<double>(operation.count);
  add_events(operation, placement, work.chunks, run.events);
  if (work.stream_cycles_per_tile > 0) {
    work.stream_cycles_per_tile = 0;
    run.dram_wait_cycles = run.cycles - unhindered->linear(work).cycles;
  }
  return run;
}

OperationRun DcimMachine::run_written(const Operation& operation, const Placement& last_step, Schedule& schedule,
                                      MacroUses& uses) const {
  OperationRun run;
  std::int64_t longest = 0;
  for (const AlikeSteps& alike : alike_steps(operation, last_step.inputs_per_tile, last_step.outputs_per_tile)) {
    const Operation first = operation.step(alike.first), last = operation.step(alike.last);
    const Placement placement = place(last).value();
    LinearWork work = work_of(last, placement);
    work.steps_with_results = alike.count();
    Timed timed = schedule.linear(work);
    occupy(placement, work.repetitions, last.independent, timed, uses);
    if (run.spans.empty()) run.start_cycle = timed.start_cycle;
    run.cycles += timed.cycles;
    if (timed.cycles > longest) {
      longest = timed.cycles;
      run.bound = bound_of(work, timed);
      run.initiation_interval = pass_timing(work.path).initiation_interval;
    }
    std::ranges::move(timed.spans, std::back_inserter(run.spans));
    // What grows with the keys grows evenly between the first of these steps and the last.
    for (const Operation* step : {&first, &last}) {
      std::vector<Event> events;
      add_events(*step, placement, work.chunks, events);
      add_scaled(events, static_cast<double>(alike.count()) / 2, run.events);
    }
  }
  run.useful_multiplies = static_cast<double>(operation.dense_macs());
  return run;
}

OperationRun DcimMachine::run_on_vector_unit(const Operation& operation, Schedule& schedule) const {
  OperationRun run = run_of(schedule.vector(vector_cycles(operation, system_.vector_macs_per_cycle)));
  run.bound = "vector unit";
  add_attention_events(operation, run.events);
  return run;
}

Run DcimMachine::run(const Workload& workload, const Mapping& mapping, Fidelity fidelity) const {
  SC_CHECK(mapping.placements.size() == workload.operations.size());
  Run run;
  MacroUses uses;
  const std::unique_ptr<Schedule> schedule = make_schedule(fidelity);
  for (std::size_t i = 0; i < workload.operations.size(); ++i) {
    const Operation& operation = workload.operations[i];
    const Placement& placement = mapping.placements[i];
    if (!on_macros(operation))
      run.operations.push_back(run_on_vector_unit(operation, *schedule));
    else if (operation.kind == Operation::Kind::kAttention)
      run.operations.push_back(run_written(operation, placement, *schedule, uses));
    else
      run.operations.push_back(run_linear(operation, placement, *schedule, uses));
    run.cycles = run.operations.back().start_cycle + run.operations.back().cycles;
  }
  run.macro_use = uses.of(mapping.macros);
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
