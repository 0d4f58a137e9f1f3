#include "hardware/vegeta/vegeta.hpp"

#include <algorithm>
#include <bit>

#include "hardware/components/accumulator.hpp"
#include "hardware/components/clock.hpp"
#include "hardware/components/gates.hpp"
#include "hardware/components/memories.hpp"
#include "hardware/machine_kinds.hpp"

namespace sparsecim {
namespace {

constexpr int kBlock = 4;  // M of every pattern
constexpr std::int64_t kPositionBits = 2;
constexpr std::int64_t kMuxes = kBlock - 1;  // 2:1, for each bit of a 4:1 multiplexer

/// An 8 x 8-bit multiplier adds eight partial products, so it is priced as the macros' adder trees are: the same gate
/// model on both sides of a comparison. Aladdin's 40 nm multiplier (components/arithmetic.hpp) takes several times its
/// energy, which would flatter the macros.
AdderTree partial_products(const SystolicArray& array) { return {array.activation_bits, array.weight_bits}; }

class SystolicTiles : public TileArray {
 public:
  explicit SystolicTiles(const SystolicArray& array) : array_(array) {}

  TileShape shape() const override {
    return {.rows = array_.rows,
            .columns = array_.columns,
            .weight_bits = array_.weight_bits,
            .activation_bits = array_.activation_bits,
            .cycles_per_multiply = 1,
            .load_cycles = array_.unit_rows()};
  }

  void add_parts(std::vector<Part>& parts) const override {
    const auto words = static_cast<double>(array_.words()), units = static_cast<double>(array_.units());
    const auto word_bits = static_cast<double>(array_.weight_bits + kPositionBits);
    const SramBank& registers = tile_registers();
    parts.push_back({"weight registers", &kFlipFlop, words * word_bits});
    parts.push_back(
        {"multipliers", &kNorMultiplier, words * static_cast<double>(array_.weight_bits * array_.activation_bits)});
    parts.push_back({"multipliers", &kFullAdder, words * static_cast<double>(partial_products(array_).full_adders())});
    parts.push_back({"multipliers", &kFlipFlop, words * static_cast<double>(array_.product_bits())});
    parts.push_back({"sums", &kFullAdder, units * static_cast<double>(sum_adder_bits())});
    parts.push_back({"sums", &kFlipFlop, units * static_cast<double>(array_.sum_bits())});
    parts.push_back({"tile registers", &registers.read, 2 * words * word_bits});  // one at work, one being filled
  }
  void add_second_weights(std::int64_t bits, std::vector<Part>& parts) const override {
    parts.push_back({"weight registers", &kFlipFlop, static_cast<double>(bits)});
  }

  void add_paths(std::vector<Path>& paths, const std::vector<Path::Step>& ahead) const override {
    const AdderTree products = partial_products(array_);
    Path multiply{"multiply", ahead};
    multiply.steps.push_back({&kNorDelay, 1});
    multiply.steps.push_back({&kSumDelay, products.levels() - 1});
    multiply.steps.push_back({&kCarryOutDelay, 1});
    multiply.steps.push_back({&kCarryDelay, products.carries_on_path()});
    paths.push_back(multiply);
    const auto levels = std::countr_zero(static_cast<std::uint64_t>(array_.multipliers_per_unit));
    paths.push_back({"add a unit's products to the sum",
                     {{&kSumDelay, levels}, {&kCarryOutDelay, 1}, {&kCarryDelay, array_.sum_bits() - 1}}});
  }

  void add_events(const ArrayWork& work, std::vector<Event>& events) const override {
    const double products = work.column_passes * static_cast<double>(array_.rows);
    const double sums = work.column_passes * static_cast<double>(array_.unit_rows());
    const AdderTree tree = partial_products(array_);
    const double first = work.weight_ones * work.word_toggle;
    const double changes = sum_change(tree_activity(tree, first).back());
    const double product_bits = products * static_cast<double>(array_.product_bits());
    const double sum_bits = sums * static_cast<double>(array_.sum_bits());
    // A changing activation bit changes one input of the eight gates that multiply the weight's bits by it.
    events.push_back(
        {"multipliers", &kNorMultiplier,
         work.fed_words * static_cast<double>(array_.activation_bits * array_.weight_bits) * work.word_toggle});
    events.push_back({"multipliers", &kFullAdder, products * tree_full_adder_events(tree, first)});
    events.push_back({"multipliers", &kFlipFlop, product_bits * changes});
    // Products and sums come from registers, a new one every cycle.
    events.push_back(
        {"sums", &kFullAdder, sums * static_cast<double>(sum_adder_bits()) * kFreshOperandActivity * changes / 0.5});
    events.push_back({"sums", &kFlipFlop, sum_bits * changes});
    events.push_back({"clock", &kClockPin, product_bits + sum_bits});
    const double word_bits = static_cast<double>(array_.words() * (array_.weight_bits + kPositionBits));
    const double rereads = work.tile_passes / static_cast<double>(array_.tile_tokens) * word_bits;
    events.push_back({"tile registers", &tile_registers().read, rereads});
    events.push_back({"weight registers", &kFlipFlop, rereads});
  }

 private:
  static const SramBank& tile_registers() { return kSramBanks[1]; }
  /// A unit adds its products up, and the result to the sum that comes down the column.
  std::int64_t sum_adder_bits() const {
    return (array_.multipliers_per_unit - 1) * array_.product_bits() + array_.sum_bits();
  }

  SystolicArray array_;
};

/// Inputs enter at the side and move an element a cycle; a block of four goes past every multiplier that holds weights
/// of it.
class SystolicStage : public InputStage {
 public:
  explicit SystolicStage(const VegetaParameters& parameters)
      : array_(parameters.array),
        patterns_(parameters.patterns),
        by_rows_(parameters.granularity == VegetaParameters::Granularity::kRow),
        bandwidth_bits_(parameters.system.activation_bandwidth_bits) {}

  std::span<const Pattern> patterns() const override { return patterns_; }
  std::int64_t inputs_per_pass(Pattern pattern) const override {
    return pattern.dense() ? array_.rows : array_.rows * pattern.m / pattern.n;
  }
  std::int64_t position_bits(Pattern pattern, std::int64_t outputs) const override {
    return pattern.dense() ? 0 : kPositionBits * outputs;
  }
  std::int64_t cell_position_bits() const override { return kPositionBits; }
  /// The paper's row-wise mode: of the 64 inputs of a tile of 2:4, a row takes a column at 2:4, two at 4:4, half of one
  /// at 1:4 (so 8 to 32 rows to 16 columns). Rows are taken to be dealt out so that no column stays empty.
  std::optional<PackedRows> packed_rows(const Operation& operation) const override {
    if (!by_rows_ || !operation.weights) return {};
    const auto [one, two, four] = operation.weights->row_parts;
    if (one + two + four == 0) return {};
    return PackedRows{{2, kBlock}, 0.5 * static_cast<double>(one) + static_cast<double>(two + 2 * four)};
  }
  PassPath path(Pattern, std::int64_t inputs) const override {
    // Down the units, across the elements, one more for the product's register; the first of them multiplies, and
    // weights change behind the last input as it moves.
    const std::int64_t elements = array_.unit_rows() + divide_up(array_.columns, array_.columns_per_element);
    return {.fetch = PassPath::Fetch::kWhole,
            .inputs = inputs,
            .activation_bits = array_.activation_bits,
            .port_bits = bandwidth_bits_,
            .planes = 1,
            .registers = elements - 1};
  }

  void add_parts(std::vector<Part>& parts) const override {
    parts.push_back({"input registers", &kFlipFlop, static_cast<double>(array_.elements() * widest_inputs() * 8)});
    parts.push_back({"input selection", &kMux2, static_cast<double>(array_.words() * kMuxes * array_.activation_bits)});
  }
  std::vector<Path::Step> steps_to_multiplier() const override { return {{&kMuxDelay, kPositionBits}}; }
  void add_paths(std::vector<Path>&) const override {}
  void add_events(Pattern pattern, const ArrayWork& work, std::vector<Event>& events) const override {
    const auto bits = static_cast<double>(array_.activation_bits);
    const double hops = static_cast<double>(divide_up(array_.columns, array_.columns_per_element));
    const double moved = work.input_deliveries * bits * hops;
    events.push_back({"input registers", &kFlipFlop, moved * work.word_toggle});
    events.push_back({"clock", &kClockPin, moved});
    events.push_back({"activation lines", &kActivationLine,
                      work.input_deliveries * bits * work.word_toggle * static_cast<double>(array_.columns)});
    const double muxes = pattern.dense() ? kPositionBits : kMuxes;  // a dense word's input comes straight through
    events.push_back({"input selection", &kMux2,
                      work.column_passes * static_cast<double>(array_.rows) * bits * muxes * work.word_toggle});
  }

 private:
  /// Of an element, over the machine's patterns.
  std::int64_t widest_inputs() const {
    std::int64_t widest = 0;
    for (const Pattern pattern : patterns_) widest = std::max(widest, inputs_per_pass(pattern) / array_.unit_rows());
    return widest;
  }

  SystolicArray array_;
  std::vector<Pattern> patterns_;
  bool by_rows_;
  std::int64_t bandwidth_bits_;
};

std::vector<Parameter<VegetaParameters>> declare() {
  using P = VegetaParameters;
  std::vector<Parameter<P>> parameters;
  const auto size = [&](std::string key, std::string help, std::int64_t low, std::int64_t high, auto member) {
    parameters.push_back(integer_parameter<P>({std::move(key), std::move(help)}, low, high,
                                              [=](P& p) -> std::int64_t& { return p.array.*member; }));
  };
  size("engine.rows", "multipliers that add up to an output", 4, 4096, &SystolicArray::rows);
  size("engine.columns", "outputs of an engine", 1, 4096, &SystolicArray::columns);
  size("engine.weight_bits", "of the stored words; statistics of weights are of 8 bits", 8, 8,
       &SystolicArray::weight_bits);
  size("engine.activation_bits", "of the activations", 8, 8, &SystolicArray::activation_bits);
  size("engine.multipliers_per_unit", "beta: they share a sum", 1, 64, &SystolicArray::multipliers_per_unit);
  size("engine.columns_per_element", "alpha: they share the registers of their inputs", 1, 4096,
       &SystolicArray::columns_per_element);
  size("engine.tile_tokens", "of an instruction, which reads the weights from their tile register", 1, 4096,
       &SystolicArray::tile_tokens);
  parameters.push_back(patterns_parameter<P>({"patterns", "what the engine runs natively: dense, 2:4, 1:4"},
                                             [](P& p) -> std::vector<Pattern>& { return p.patterns; }));
  parameters.push_back(
      choice_parameter<P>({"granularity", "what runs at one pattern: a layer, or every row of a tile", "row"},
                          {"layer", "row"}, [](P& p) -> auto& { return p.granularity; }));
  declare_system(parameters, [](P& p) -> SystemParameters& { return p.system; });
  return parameters;
}

bool power_of_two(std::int64_t value) { return std::has_single_bit(static_cast<std::uint64_t>(value)); }

Result<void> validate(const VegetaParameters& parameters) {
  const SystolicArray& array = parameters.array;
  if (!power_of_two(array.rows))
    return fail(Remedy{"choose a power of two"}, "engine.rows: {} rows do not divide into blocks of 4", array.rows);
  if (!power_of_two(array.multipliers_per_unit) || array.multipliers_per_unit > array.rows)
    return fail(Remedy{fmt::format("choose a power of two up to {}", array.rows)},
                "engine.multipliers_per_unit: {} does not divide {} rows", array.multipliers_per_unit, array.rows);
  if (array.columns_per_element > array.columns)
    return fail(Remedy{fmt::format("at most {}", array.columns)},
                "engine.columns_per_element: {} is more than engine.columns {}", array.columns_per_element,
                array.columns);
  for (const Pattern pattern : parameters.patterns)
    if (!pattern.dense() && (pattern.m != kBlock || pattern.n == 3))
      return fail(Remedy{"allowed: dense, 2:4, 1:4"}, "patterns: {} does not fit blocks of 4 in a power of two of rows",
                  pattern.name());
  const bool by_rows = parameters.granularity == VegetaParameters::Granularity::kRow;
  const bool all = std::ranges::all_of(std::vector<Pattern>{{}, {2, kBlock}, {1, kBlock}}, [&](Pattern pattern) {
    return std::ranges::find(parameters.patterns, pattern) != parameters.patterns.end();
  });
  if (by_rows && (2 * array.rows != MaskStatistics::kRowPart || !all))
    return fail(Remedy{"choose granularity: layer, or 32 rows and patterns: [dense, 2:4, 1:4]"},
                "granularity: rows of a tile are counted in parts of {} inputs at dense, 2:4 and 1:4",
                MaskStatistics::kRowPart);
  return {};
}

}  // namespace

std::int64_t SystolicArray::sum_bits() const {
  return product_bits() + std::countr_zero(static_cast<std::uint64_t>(rows));
}

const std::vector<Parameter<VegetaParameters>>& vegeta_parameters() {
  static const auto kParameters = declare();
  return kParameters;
}

namespace {
const RegisteredKind kVegeta{"vegeta", make_vegeta};
}

Result<std::unique_ptr<Machine>> make_vegeta(const std::string& path, const std::vector<Setting>& settings) {
  SC_TRY_ASSIGN(const VegetaParameters parameters, read_parameters(vegeta_parameters(), path, settings));
  SC_TRY(within_setting(path, settings, validate(parameters)));
  SC_TRY(within_setting(path, settings, validate_system(parameters.system, parameters.array.columns)));
  return std::make_unique<DcimMachine>("vegeta", std::make_unique<SystolicTiles>(parameters.array), parameters.system,
                                       std::make_unique<SystolicStage>(parameters),
                                       show_parameters(vegeta_parameters(), parameters));
}

}  // namespace sparsecim
