#include "hardware/flexcim/flexcim.hpp"

#include <algorithm>
#include <bit>
#include <set>

#include "hardware/dcim/parameters.hpp"
#include "hardware/machine_kinds.hpp"

namespace sparsecim {
namespace {

int log2_of(int power) { return std::countr_zero(static_cast<unsigned>(power)); }

int largest_m(std::span<const Pattern> patterns) {
  int largest = 2;  // the native cell chooses one of two
  for (const Pattern pattern : patterns)
    if (!pattern.dense()) largest = std::max(largest, pattern.m);
  return largest;
}

std::int64_t inputs_per_pass_of(const FlexcimParameters& parameters, Pattern pattern) {
  return flexcim_inputs_per_pass(parameters.array.rows, parameters.array.sub_macros, pattern, parameters.any_n);
}

PairGeometry geometry_of(const FlexcimParameters& parameters) {
  const MacroArray& array = parameters.array;
  PairGeometry geometry{.rows = array.rows,
                        .columns = array.columns,
                        .sub_macros = array.sub_macros,
                        .activation_bits = array.activation_bits,
                        .bandwidth_bits = parameters.system.activation_bandwidth_bits,
                        .largest_m = largest_m(parameters.patterns),
                        .merges_planes = array.merges_planes()};
  std::set<int> kept;
  for (const Pattern pattern : parameters.patterns)
    if (!pattern.dense()) kept.insert(pattern.n);
  geometry.line_sources = parameters.any_n ? std::max<std::int64_t>(1, static_cast<std::int64_t>(kept.size()))
                                           : log2_of(static_cast<int>(array.sub_macros)) + 1;
  return geometry;
}

class FlexcimStage : public InputStage {
 public:
  explicit FlexcimStage(const FlexcimParameters& parameters)
      : parameters_(parameters),
        select_(make_pair_select(parameters.pair_select, geometry_of(parameters), parameters.columns_per_cycle,
                                 parameters.columns_per_group)) {}

  std::span<const Pattern> patterns() const override { return parameters_.patterns; }
  std::int64_t inputs_per_pass(Pattern pattern) const override { return inputs_per_pass_of(parameters_, pattern); }
  /// `isel` of every weight; the pair of every weight, or of a group of columns.
  std::int64_t position_bits(Pattern pattern, std::int64_t outputs) const override {
    if (pattern.dense()) return 0;
    const bool shared = shares_pairs(parameters_.pair_select);
    const std::int64_t choices = shared ? divide_up(outputs, parameters_.columns_per_group) : outputs;
    return outputs + choices * (log2_of(pattern.m) - 1);
  }
  std::int64_t cell_position_bits() const override { return select_->cell_position_bits(); }
  PassPath path(Pattern pattern, std::int64_t inputs) const override { return select_->path(pattern, inputs); }

  Result<void> check(const Operation& operation, Pattern native) const override {
    const bool needs_shared_mask = shares_pairs(parameters_.pair_select);
    if (!needs_shared_mask || !operation.weights || native.dense() || native.m <= 2) return {};
    const std::int64_t group = parameters_.columns_per_group;
    const int needed = operation.weights->pairs_needed(group, native.m);
    if (needed <= native.n) return {};
    return fail(Remedy{fmt::format("prune with --mask-granularity pairs:{}, or choose another pair_select: "
                                   "bitserial_per_cell takes every mask",
                                   group)},
                "pair_select {} lets {} columns choose {} pairs of {} inputs between them, and this mask needs {}",
                kPairSelectNames[static_cast<std::size_t>(parameters_.pair_select)], group, native.n, native.m, needed);
  }

  void add_parts(std::vector<Part>& parts) const override { select_->add_parts(parts); }
  std::vector<Path::Step> steps_to_multiplier() const override { return select_->steps_to_multiplier(); }
  void add_paths(std::vector<Path>& paths) const override { select_->add_paths(paths); }
  void add_events(Pattern pattern, const ArrayWork& work, std::vector<Event>& events) const override {
    select_->add_events(pattern, work, events);
  }

 private:
  FlexcimParameters parameters_;
  std::unique_ptr<const PairSelect> select_;
};

/// "all" stays empty until the number of sub-macros is known.
Parameter<FlexcimParameters> patterns_or_all() {
  auto parameter =
      patterns_parameter<FlexcimParameters>({"patterns", "what the macro runs natively; M at most 2 P", "all"},
                                            [](FlexcimParameters& p) -> std::vector<Pattern>& { return p.patterns; });
  parameter.allowed = "all | " + parameter.allowed;
  parameter.read = [read = parameter.read](FlexcimParameters& target, const Setting& setting) -> Result<void> {
    if (!setting.list && setting.values == std::vector<std::string>{"all"}) return {};
    return read(target, setting);
  };
  return parameter;
}

std::vector<Parameter<FlexcimParameters>> declare_flexcim() {
  using P = FlexcimParameters;
  std::vector<Parameter<P>> parameters;
  declare_array(parameters, [](P& p) -> MacroArray& { return p.array; });
  parameters.push_back(integer_parameter<P>({"sub_macros", "P: equal parts along the rows, a power of two"}, 1, 64,
                                            [](P& p) -> std::int64_t& { return p.array.sub_macros; }));
  parameters.push_back(choice_parameter<P>(
      {"accumulators", "a column's: one in every sub-macro, or one behind the merging of bit planes", "per_sub_macro"},
      {"per_sub_macro", "shared"}, [](P& p) -> auto& { return p.array.accumulators; }));
  parameters.push_back(patterns_or_all());
  parameters.push_back(choice_parameter<P>(
      {"any_n", "whether blocks may straddle row positions, so that any N packs without gaps", "false"},
      {"false", "true"}, [](P& p) -> bool& { return p.any_n; }));
  parameters.push_back(choice_parameter<P>({"pair_select", "how a cell gets its input"}, kPairSelectNames,
                                           [](P& p) -> PairSelectKind& { return p.pair_select; }));
  parameters.push_back(
      integer_parameter<P>({"columns_per_cycle", "k: used with column_pipelined and shared_pairs", "1"}, 1, 4096,
                           [](P& p) -> std::int64_t& { return p.columns_per_cycle; }));
  parameters.push_back(
      integer_parameter<P>({"columns_per_group", "G: used with shared_pairs and bitserial_per_group", "32"}, 1, 4096,
                           [](P& p) -> std::int64_t& { return p.columns_per_group; }));
  declare_system(parameters, [](P& p) -> SystemParameters& { return p.system; });
  return parameters;
}

Result<void> validate_patterns(const FlexcimParameters& parameters) {
  const std::int64_t sub_macros = parameters.array.sub_macros;
  for (const Pattern pattern : parameters.patterns) {
    if (pattern.dense()) continue;
    if (!std::has_single_bit(static_cast<unsigned>(pattern.m)))
      return fail(Remedy{"choose M of 2, 4, 8, .."}, "patterns: M of {} is no power of two", pattern.name());
    if (pattern.m > 2 * sub_macros)
      return fail(Remedy{fmt::format("remove it, or choose sub_macros of at least {}", pattern.m / 2)},
                  "patterns: {} needs {} pairs, but {} sub-macros have multiplexers for {}", pattern.name(),
                  pattern.m / 2, sub_macros, sub_macros);
    if (inputs_per_pass_of(parameters, pattern) == 0)
      return fail(Remedy{"choose more rows"}, "patterns: no block of {} fits into {} rows", pattern.name(),
                  parameters.array.rows);
  }
  return {};
}

}  // namespace

Result<void> validate(const FlexcimParameters& parameters) {
  const std::int64_t rows = parameters.array.rows, columns = parameters.array.columns;
  const std::int64_t sub_macros = parameters.array.sub_macros;
  SC_TRY(validate_array(parameters.array));
  if (rows % sub_macros != 0 || rows / sub_macros < 2 || !std::has_single_bit(static_cast<std::uint64_t>(sub_macros)))
    return fail(Remedy{fmt::format("choose a power of two up to {}", rows / 2)},
                "sub_macros: {} does not divide {} rows into adder trees", sub_macros, rows);
  if (parameters.columns_per_cycle > columns)
    return fail(Remedy{fmt::format("at most {}", columns)}, "columns_per_cycle: {} is more than macro.columns {}",
                parameters.columns_per_cycle, columns);
  if (shares_pairs(parameters.pair_select) && columns % parameters.columns_per_group != 0)
    return fail(Remedy{"choose a divisor"}, "columns_per_group: {} does not divide macro.columns {}",
                parameters.columns_per_group, columns);
  if (parameters.any_n && !carries_planes(parameters.pair_select))
    return fail(Remedy{"choose pair_select: bitserial_per_cell, or leave any_n out"},
                "any_n: {} brings a block's inputs to one row position, where all of the block must lie",
                kPairSelectNames[static_cast<std::size_t>(parameters.pair_select)]);
  return validate_patterns(parameters);
}

std::int64_t flexcim_inputs_per_pass(std::int64_t rows, std::int64_t sub_macros, Pattern pattern, bool any_n) {
  if (pattern.dense()) return rows;
  if (any_n) return rows / pattern.n * pattern.m;
  const std::int64_t positions = rows / sub_macros;
  if (pattern.n <= sub_macros) return positions * (sub_macros / pattern.n) * pattern.m;
  return positions / divide_up(pattern.n, sub_macros) * pattern.m;
}

std::vector<Pattern> all_patterns(std::int64_t sub_macros, bool any_n) {
  std::vector<Pattern> patterns = {Pattern{}};
  const auto largest = std::min<int>(kLargestM, static_cast<int>(2 * sub_macros));
  for (int m = 2; m <= largest; m *= 2)
    for (int n = 1; n < m; n = any_n ? n + 1 : 2 * n) patterns.push_back({n, m});
  return patterns;
}

const std::vector<Parameter<FlexcimParameters>>& flexcim_parameters() {
  static const auto kParameters = declare_flexcim();
  return kParameters;
}

namespace {
const RegisteredKind kFlexcim{"flexcim", make_flexcim};
}

Result<FlexcimParameters> read_flexcim(const std::string& path, const std::vector<Setting>& settings) {
  const Setting* kind = find_setting(settings, "machine");
  if (!kind || kind->values != std::vector<std::string>{"flexcim"})
    return fail(Remedy{"name flexcim, fixed-2-4 or a description of that kind"}, "{}: it is no machine: flexcim", path);
  SC_TRY_ASSIGN(FlexcimParameters parameters, read_parameters(flexcim_parameters(), path, settings));
  if (parameters.patterns.empty()) parameters.patterns = all_patterns(parameters.array.sub_macros, parameters.any_n);
  SC_TRY(within_setting(path, settings, validate(parameters)));
  SC_TRY(within_setting(path, settings, validate_system(parameters.system, parameters.array.columns)));
  return parameters;
}

Result<std::unique_ptr<Machine>> make_flexcim(const std::string& path, const std::vector<Setting>& settings) {
  SC_TRY_ASSIGN(const FlexcimParameters parameters, read_flexcim(path, settings));
  return std::make_unique<DcimMachine>("flexcim", std::make_unique<DcimArray>(parameters.array), parameters.system,
                                       std::make_unique<FlexcimStage>(parameters),
                                       show_parameters(flexcim_parameters(), parameters));
}

}  // namespace sparsecim
