#include "hardware/analog/machine.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "base/check.hpp"
#include "hardware/components/analog.hpp"
#include "hardware/components/arithmetic.hpp"
#include "hardware/components/converters.hpp"
#include "hardware/components/gates.hpp"
#include "hardware/components/links.hpp"
#include "hardware/components/memories.hpp"
#include "hardware/components/node.hpp"
#include "hardware/dcim/system.hpp"
#include "hardware/machine_kinds.hpp"
#include "hardware/tiling.hpp"

namespace sparsecim {
namespace {

constexpr std::int64_t kSumBits = 16;         // of what shift-and-add gives
constexpr double kOnesOfInputs = 0.5;         // rows that carry current in a plane: not measured
constexpr std::int64_t kMostTiles = 1 << 24;  // a few hundred bytes each
constexpr double kMostTicks = 0x1p60;
constexpr double kVectorLaneBits = 64;  // both operands, their product, the sum

const SramBank& array_buffer() { return kSramBanks.back(); }

const std::array<std::string, kMostConverterBits + 1>& converter_names() {
  static const auto kNames = [] {
    std::array<std::string, kMostConverterBits + 1> names;
    for (std::size_t bits = 0; bits < names.size(); ++bits) names[bits] = fmt::format("ADC of {} bits", bits);
    return names;
  }();
  return kNames;
}

Cost converter_cost(std::int64_t bits, const AnalogParameters& parameters) {
  const double samples_per_s = 1e9 / (static_cast<double>(bits) * parameters.ns_per_bit);
  const ConverterBand band = converter_band(bits, parameters.node_nm, samples_per_s);
  return {.name = converter_names()[static_cast<std::size_t>(bits)],
          .unit = "conversion",
          .energy_fj = band.energy_fj,
          .area_um2 = band.area_um2,
          .node_nm = parameters.node_nm,
          .vdd_v = nominal_vdd_v(parameters.node_nm),
          .source = kConverterSource};
}

/// uS * V^2 * ns = fJ.
Cost cell_cost(std::string_view name, double conductance_us, const AnalogParameters& parameters) {
  const double f2_um2 = parameters.node_nm * parameters.node_nm * 1e-6;
  return {.name = name,
          .unit = "cell read",
          .energy_fj = exactly(conductance_us * kCellRead_v * kCellRead_v * parameters.read_ns),
          .area_um2 = kCellArea_f2 * f2_um2,
          .node_nm = parameters.node_nm,
          .scaling = Scaling::kOffChip,  // set by the cell's material and the read, not by transistors
          .source =
              "NeuRRAM (Nature 608, 2022): 250 kOhm to 1 MOhm read with 0.5 V, for the time of a read; area: low "
              "1.49 F2, ISAAC's crossbars (ISCA 2016), high 50 F2, a phase-change cell with its transistor "
              "(arXiv 1706.00511), nominal their geometric mean"};
}

/// Query, key and value in one matrix, as GPT-2 has them: each is a Monarch matrix of its own.
std::int64_t matrices_in(const Operation& operation, CellMapping mapping) {
  if (mapping == CellMapping::kLinear || operation.monarch) return 1;
  return operation.n_outputs == 3 * operation.n_inputs ? 3 : 1;
}

std::int64_t activation_bits_of(const Operation& operation, std::int64_t bits) {
  return (operation.n_tokens * (operation.n_inputs + operation.n_outputs) + operation.held_values) * bits;
}

}  // namespace

AnalogMachine::AnalogMachine(const AnalogParameters& parameters, Json shown)
    : parameters_(parameters),
      times_(parameters.times()),
      shown_(std::move(shown)),
      step_{.name = "step of time",
            .delay_ps = exactly(1000 * parameters.time_step_ns),
            .node_nm = parameters.node_nm,
            .source = "schedule.step_ns of the machine's description: reads and conversions take whole steps"},
      cell_(cell_cost("cell", (kLowestCell_us + kHighestCell_us) / 2, parameters)),
      empty_cell_(cell_cost("empty cell", kLowestCell_us, parameters)) {
  for (std::int64_t bits = 0; bits <= kMostConverterBits; ++bits)
    converters_.push_back(converter_cost(std::max<std::int64_t>(1, bits), parameters));
}

CellMapping AnalogMachine::mapping_of(const Operation& operation) const {
  return operation.monarch && parameters_.mapping == CellMapping::kLinear ? CellMapping::kSparse : parameters_.mapping;
}

Result<std::vector<std::shared_ptr<const Layout>>> AnalogMachine::layouts_of(const Operation& operation,
                                                                             std::optional<MonarchShape>& shape) const {
  const std::int64_t n_out = operation.n_outputs / matrices_in(operation, parameters_.mapping);
  std::vector<ArrayStage> stages = {dense_stage(n_out, operation.n_inputs)};
  if (operation.monarch) {
    shape = operation.monarch;
    if (parameters_.blocks != 0 && parameters_.blocks != shape->blocks)
      return fail(Remedy{fmt::format("leave monarch.blocks out, or choose {}", shape->blocks)},
                  "it is stored as factors of {} blocks, not {}", shape->blocks, parameters_.blocks);
    stages = stages_of(*shape);
  } else if (parameters_.mapping != CellMapping::kLinear) {
    SC_TRY_ASSIGN(shape, parameters_.blocks == 0 ? monarch_of_squares(n_out, operation.n_inputs)
                                                 : monarch_of_blocks(n_out, operation.n_inputs, parameters_.blocks));
    stages = stages_of(*shape);
  }
  std::vector<std::shared_ptr<const Layout>> layouts;
  for (const ArrayStage& stage : stages) {
    SC_TRY_ASSIGN(layouts.emplace_back(), Layout::make(mapping_of(operation), stage, parameters_.array));
  }
  return layouts;
}

Result<AnalogWork> AnalogMachine::place_all(const Workload& workload) const {
  AnalogWork work{.plan = {.array = parameters_.array,
                           .matrices = {},
                           .rules = parameters_.rules(),
                           .placed = {},
                           .format = parameters_.format,
                           .converters = parameters_.converters},
                  .operations = {},
                  .shapes = {},
                  .phases = {}};
  std::int64_t tiles = 0;
  bool behind_matrix = false;
  for (std::size_t i = 0; i < workload.operations.size(); ++i) {
    const Operation& operation = workload.operations[i];
    const bool on_arrays = operation.kind == Operation::Kind::kLinear;
    const bool joins = on_arrays && behind_matrix && operation.shares_inputs &&
                       workload.operations[work.operations.back()].n_tokens == operation.n_tokens &&
                       workload.operations[work.operations.back()].count == operation.count;
    behind_matrix = on_arrays;
    if (!on_arrays) continue;
    if (!joins) work.phases.emplace_back();
    std::optional<MonarchShape> shape;
    SC_TRY_ASSIGN(const auto layouts, within(operation.name, layouts_of(operation, shape)));
    for (std::int64_t part = 0; part < matrices_in(operation, parameters_.mapping); ++part) {
      work.phases.back().push_back(work.operations.size());
      work.operations.push_back(i);
      work.shapes.push_back(shape);
      work.plan.matrices.push_back({.stages = layouts, .phase = static_cast<std::int64_t>(work.phases.size()) - 1});
      for (const auto& layout : layouts) tiles += layout->tiles();
    }
    if (tiles > kMostTiles)
      return fail(Remedy{"take larger arrays, or fewer blocks"}, "{}: more than {} tiles in all", operation.name,
                  kMostTiles);
  }
  work.plan.placed = place(work.plan.matrices, work.plan.rules);
  return work;
}

Result<void> AnalogMachine::check_countable(const Workload& workload, const AnalogWork& work) const {
  double ticks = 0;
  for (std::size_t m = 0; m < work.operations.size(); ++m) {
    const Operation& operation = workload.operations[work.operations[m]];
    for (std::size_t s = 0; s < work.plan.matrices[m].stages.size(); ++s) {
      const Layout& layout = *work.plan.matrices[m].stages[s];
      const double conversions = static_cast<double>(parameters_.array.columns) /
                                 static_cast<double>(parameters_.converters.adcs) * kMostConverterBits;
      const double step = static_cast<double>(times_.read) + conversions * static_cast<double>(times_.per_bit);
      ticks += static_cast<double>(layout.tiles() * layout.steps(0)) * step *
               static_cast<double>(parameters_.format.planes(s)) * static_cast<double>(operation.n_tokens) *
               static_cast<double>(operation.count);
    }
  }
  if (ticks > kMostTicks)
    return fail(Remedy{"run a smaller workload, or take longer steps of time"},
                "up to {:.2g} steps of time are more than can be counted", ticks);
  return {};
}

/// Adds each matrix to its operation's placement.
void AnalogMachine::map_matrices(const Workload& workload, const AnalogWork& work, Mapping& mapping) const {
  const bool alone = parameters_.packing == Packing::kOneDiagonal;
  std::vector<double> arrays(workload.operations.size());  // a tile's share of one is one of its diagonals
  for (std::size_t m = 0; m < work.operations.size(); ++m) {
    Placement& placement = mapping.placements[work.operations[m]];
    placement.output_tiles = placement.tiles_per_macro = 1;
    for (const auto& layout : work.plan.matrices[m].stages) {
      placement.input_tiles += layout->tiles();
      placement.stored_bits += layout->stage().weights() * parameters_.format.weight_bits;
      arrays[work.operations[m]] +=
          static_cast<double>(layout->tiles()) / static_cast<double>(alone ? 1 : layout->diagonals());
    }
  }
  for (std::size_t i = 0; i < mapping.placements.size(); ++i) {
    Placement& placement = mapping.placements[i];
    if (placement.input_tiles == 0) continue;
    placement.macros_used = std::min(mapping.macros, placement.input_tiles * parameters_.format.slices());
    const std::int64_t weights = placement.stored_bits / parameters_.format.weight_bits;
    placement.cell_share = static_cast<double>(weights) / (arrays[i] * static_cast<double>(parameters_.array.cells()));
  }
}

void AnalogMachine::add_figures(const Workload& workload, const AnalogWork& work, Mapping& mapping) const {
  std::int64_t stored = 0, useful = 0;
  double flops = 0;
  for (std::size_t m = 0; m < work.operations.size(); ++m) {
    std::int64_t weights = 0;
    for (const auto& layout : work.plan.matrices[m].stages) weights += layout->stage().weights();
    stored += weights;
    useful += work.shapes[m] ? work.shapes[m]->useful_parameters() : weights;
    const Operation& operation = workload.operations[work.operations[m]];
    flops += 2 * static_cast<double>(weights) * static_cast<double>(operation.n_tokens * operation.count);
  }
  for (const Operation& operation : workload.operations)
    if (operation.kind == Operation::Kind::kAttention) flops += 2 * static_cast<double>(operation.dense_macs());
  std::map<std::int64_t, std::int64_t> all_layers;
  for (std::size_t phase = 0; phase < work.phases.size(); ++phase)
    for (const auto& [array, times] : load_of(work, phase, times_).of_array) all_layers[array] += sum_of(times);
  std::int64_t busiest = 0;
  for (const auto& [array, time] : all_layers) busiest = std::max(busiest, time);
  mapping.figures = {{"arrays", mapping.macros},
                     {"parameters", stored},
                     {"useful_parameters", useful},
                     {"flops", flops},
                     {"token_interval_ns", static_cast<double>(busiest) * parameters_.time_step_ns}};
  mapping.cells = Mapping::Cells{static_cast<double>(stored * parameters_.format.slices()),
                                 static_cast<double>(mapping.macros * parameters_.array.cells())};
  if (useful < stored)
    mapping.notes.push_back(
        fmt::format("Monarch matrices: {} of {} stored weights connect a real input with a real "
                    "output, the others are padding",
                    useful, stored));
}

Result<Mapping> AnalogMachine::map(const Workload& workload) const {
  SC_TRY_ASSIGN(const AnalogWork work, place_all(workload));
  SC_TRY(check_countable(workload, work));
  Mapping mapping{.placements = std::vector<Placement>(workload.operations.size())};
  mapping.macros = std::max<std::int64_t>(1, work.plan.placed.arrays * parameters_.format.slices());
  for (const Operation& operation : workload.operations)
    mapping.activation_sram_bits =
        std::max(mapping.activation_sram_bits, activation_bits_of(operation, parameters_.format.input_bits));
  map_matrices(workload, work, mapping);
  add_figures(workload, work, mapping);
  mapping.macro_parts = converter_parts(work);
  if (std::ranges::any_of(workload.operations, [](const Operation& o) { return !o.pattern.dense(); }))
    mapping.notes.emplace_back("N:M patterns are not used: a crossbar multiplies by zeros as by anything");
  const auto factored = [](const Operation& o) { return o.kind != Operation::Kind::kLinear || o.monarch; };
  if (parameters_.mapping != CellMapping::kLinear && !std::ranges::all_of(workload.operations, factored))
    mapping.notes.emplace_back(
        "every matrix that is not stored as Monarch factors is taken for a Monarch matrix of its shape, whatever its "
        "weights are");
  if (parameters_.mapping == CellMapping::kLinear &&
      std::ranges::any_of(workload.operations, [](const Operation& o) { return o.monarch.has_value(); }))
    mapping.notes.emplace_back("Monarch factors lie as by sparsemap: linear maps whole matrices");
  mapping.notes.emplace_back(
      "utilization is the share of all cells that hold weights; they are written before the run, which is not counted");
  return mapping;
}

std::vector<Part> AnalogMachine::converter_parts(const AnalogWork& work) const {
  std::map<std::int64_t, std::int64_t> bits_of_array;
  for (std::size_t m = 0; m < work.plan.matrices.size(); ++m)
    for (std::size_t s = 0; s < work.plan.matrices[m].stages.size(); ++s) {
      const std::int64_t bits =
          converter_code(*work.plan.matrices[m].stages[s], work.plan.format, work.plan.converters).bits;
      for (const TilePlace& at : work.plan.placed.places[m][s]) {
        std::int64_t& most = bits_of_array[at.array];
        most = std::max(most, bits);
      }
    }
  std::map<std::int64_t, double> arrays_of_bits;
  for (const auto& [array, bits] : bits_of_array) arrays_of_bits[bits] += 1;
  std::vector<Part> parts;
  for (const auto& [bits, arrays] : arrays_of_bits)
    parts.push_back(
        {"converters", &converters_[static_cast<std::size_t>(bits)],
         static_cast<double>(parameters_.converters.adcs) * arrays / static_cast<double>(bits_of_array.size())});
  return parts;
}

OperationRun AnalogMachine::attention(const Operation& operation, std::int64_t start) const {
  OperationRun run{.start_cycle = start};
  const double ns = static_cast<double>(operation.dense_macs()) / static_cast<double>(parameters_.vector_macs_per_ns);
  run.cycles = std::max<std::int64_t>(1, static_cast<std::int64_t>(std::ceil(ns / parameters_.time_step_ns)));
  run.bound = "vector unit";
  run.spans.push_back({"vector unit", 0, 0, start, run.cycles, "attention"});
  add_attention_events(operation, run.events);
  return run;
}

void AnalogMachine::add_events(const TokenCounts& count, double tokens, std::vector<Event>& events) const {
  events.push_back({"row drivers", &kRowDriver, tokens * count.rows});
  events.push_back({"cells", &cell_, tokens * count.cells * kOnesOfInputs});
  events.push_back({"cells", &empty_cell_, tokens * count.empty_cells * kOnesOfInputs});
  for (const auto& [bits, number] : count.conversions)
    events.push_back({"converters", &converters_[static_cast<std::size_t>(bits)], tokens * number});
  events.push_back({"sample and hold", &kSampleHold, tokens * count.all_conversions()});
  events.push_back({"shift and add", &kShiftAdd, tokens * count.all_conversions()});
  const double sums = (count.stored + count.accumulated) * kSumBits, again = count.accumulated * kSumBits;
  events.push_back({"array buffers", &array_buffer().read, tokens * (count.input_bits + again)});
  events.push_back({"array buffers", &array_buffer().write, tokens * (count.input_bits + sums)});
  events.push_back({"link", &kLink, tokens * (count.input_bits + sums)});
}

/// Its operations run side by side; each is given its share of the time.
void AnalogMachine::run_phase(const Workload& workload, const AnalogWork& work, std::size_t phase, Fidelity fidelity,
                              Run& run) const {
  const std::size_t first = work.first_operation(phase);
  const Operation& operation = workload.operations[first];
  const bool overlap = parameters_.rules().stages_overlap;
  const PhaseLoad load = load_of(work, phase, times_);
  const std::vector<TokenCounts> counts = counts_of(work, phase);
  const double tokens = static_cast<double>(operation.n_tokens) * static_cast<double>(operation.count);
  StreamTime timed;
  const std::int64_t once = fidelity == Fidelity::kCycle
                                ? executed_total(work, phase, operation.n_tokens, times_, timed)
                                : load.total(operation.n_tokens, overlap);
  const std::int64_t start = run.cycles, total = once * operation.count;
  double all = 0, given = 0;
  for (const double share : load.of_operation) all += share;
  for (std::size_t i = 0; i < load.of_operation.size(); ++i) {
    OperationRun& one = run.operations[first + i];
    given += load.of_operation[i];
    const bool last = i + 1 == load.of_operation.size();
    one.start_cycle = run.cycles;
    run.cycles = start + (last ? total : static_cast<std::int64_t>(static_cast<double>(total) * (given / all)));
    one.cycles = run.cycles - one.start_cycle;
    one.initiation_interval = load.interval(overlap);
    one.bound = "convert";
    add_events(counts[i], tokens, one.events);
  }
  for (const std::size_t m : work.phases[phase])
    for (const auto& layout : work.plan.matrices[m].stages)
      run.operations[work.operations[m]].useful_multiplies += static_cast<double>(layout->stage().weights()) * tokens;
  const std::string detail = fmt::format("{:.0f} tokens, one in {} steps", tokens, load.interval(overlap));
  std::vector<Span>& spans = run.operations[first].spans;
  spans = array_spans(timed, start, detail);
  if (timed.total < total)
    spans.push_back({kMacros, load.of_array.begin()->first, load.of_array.rbegin()->first, start + timed.total,
                     total - timed.total, "compute", detail});
}

std::vector<MacroUse> AnalogMachine::macro_use(const Workload& workload, const AnalogWork& work,
                                               std::int64_t macros) const {
  const std::int64_t slices = parameters_.format.slices();
  std::vector<std::int64_t> busy(static_cast<std::size_t>(macros));
  for (std::size_t phase = 0; phase < work.phases.size(); ++phase) {
    const Operation& operation = workload.operations[work.first_operation(phase)];
    for (const auto& [array, times] : load_of(work, phase, times_).of_array)
      for (std::int64_t slice = 0; slice < slices; ++slice)
        busy[static_cast<std::size_t>(array * slices + slice)] += sum_of(times) * operation.n_tokens * operation.count;
  }
  std::vector<MacroUse> uses;
  for (std::size_t array = 0; array < busy.size(); ++array) {
    const auto number = static_cast<std::int64_t>(array);
    if (!uses.empty() && uses.back().multiply_cycles == busy[array])
      uses.back().last_macro = number;
    else
      uses.push_back({number, number, busy[array], 0});
  }
  return uses;
}

Run AnalogMachine::run(const Workload& workload, const Mapping& mapping, Fidelity fidelity) const {
  const AnalogWork work = place_all(workload).value();
  SC_CHECK(mapping.placements.size() == workload.operations.size());
  Run run;
  run.operations.resize(workload.operations.size());
  for (std::size_t i = 0, phase = 0; i < workload.operations.size();) {
    if (workload.operations[i].kind == Operation::Kind::kAttention) {
      run.operations[i] = attention(workload.operations[i], run.cycles);
      run.cycles += run.operations[i++].cycles;
    } else {
      run_phase(workload, work, phase, fidelity, run);
      i += work.n_operations(phase++);
    }
  }
  run.macro_use = macro_use(workload, work, mapping.macros);
  // A whole array at once takes a read and a conversion of each column.
  const std::int64_t conversions = divide_up(parameters_.array.columns, parameters_.converters.adcs);
  const auto pass = static_cast<double>(parameters_.format.planes(0) * (times_.read + conversions * times_.per_bit));
  run.available_multiplies = static_cast<double>(mapping.macros) * static_cast<double>(parameters_.array.cells()) *
                             static_cast<double>(run.cycles) / pass;
  return run;
}

Inventory AnalogMachine::inventory(const Mapping& mapping) const {
  Inventory inventory{
      .node_nm = parameters_.node_nm, .macros = mapping.macros, .paths = {{"step of time", {{&step_, 1}}}}};
  const auto rows = static_cast<double>(parameters_.array.rows),
             columns = static_cast<double>(parameters_.array.columns);
  std::vector<Part>& parts = inventory.macro_parts;
  parts.push_back({"cells", &cell_, rows * columns});
  parts.push_back({"row drivers", &kRowDriver, rows});
  parts.push_back({"sample and hold", &kSampleHold, columns});
  parts.push_back({"shift and add", &kShiftAdd, static_cast<double>(parameters_.converters.adcs)});
  parts.insert(parts.end(), mapping.macro_parts.begin(), mapping.macro_parts.end());
  const double input_bits = rows * static_cast<double>(parameters_.format.input_bits);
  parts.push_back({"array buffers", &array_buffer().read, 2 * (input_bits + columns * kSumBits)});  // filled, in use
  const auto lanes = static_cast<double>(parameters_.vector_macs_per_ns);
  inventory.system_parts = {{"vector unit", &kMultiplier8, lanes},
                            {"vector unit", &kAdder32, lanes},
                            {"vector unit", &kFlipFlop, lanes * kVectorLaneBits},
                            {"activation SRAM", &kSramRead, static_cast<double>(mapping.activation_sram_bits)}};
  return inventory;
}

namespace {
const RegisteredKind kAnalog{"analog", make_analog};
}

Result<std::unique_ptr<Machine>> make_analog(const std::string& path, const std::vector<Setting>& settings) {
  SC_TRY_ASSIGN(const AnalogParameters parameters, read_analog_parameters(path, settings));
  return std::make_unique<AnalogMachine>(parameters, show_parameters(analog_parameters(), parameters));
}

}  // namespace sparsecim
