#include "hardware/analog/parameters.hpp"

#include <cmath>

#include "hardware/components/converters.hpp"
#include "hardware/components/node.hpp"

namespace sparsecim {
namespace {

using P = AnalogParameters;

template <std::size_t N>
std::vector<std::string> names_of(const std::string_view (&names)[N]) {
  return {std::begin(names), std::end(names)};
}

void declare_arrays(std::vector<Parameter<P>>& parameters) {
  parameters.push_back(integer_parameter<P>({"array.rows", "cells along a column: inputs"}, 2, 65536,
                                            [](P& p) -> std::int64_t& { return p.array.rows; }));
  parameters.push_back(integer_parameter<P>({"array.columns", "cells along a row: outputs"}, 2, 65536,
                                            [](P& p) -> std::int64_t& { return p.array.columns; }));
  parameters.push_back(integer_parameter<P>({"array.adcs", "converters that share an array's columns"}, 1, 65536,
                                            [](P& p) -> std::int64_t& { return p.converters.adcs; }));
  parameters.push_back(
      number_parameter<P>({"array.read_ns", "from driving rows until the columns' sums stand, ns", "0.165"}, 0.001,
                          10000, [](P& p) -> double& { return p.read_ns; }));
  parameters.push_back(integer_parameter<P>({"cell.bits", "of a weight that one cell holds", "8"}, 1, 8,
                                            [](P& p) -> std::int64_t& { return p.format.cell_bits; }));
  parameters.push_back(integer_parameter<P>({"weights.bits", "of a weight", "8"}, 1, 16,
                                            [](P& p) -> std::int64_t& { return p.format.weight_bits; }));
}

void declare_numbers(std::vector<Parameter<P>>& parameters) {
  parameters.push_back(integer_parameter<P>({"inputs.bits", "of a matrix's inputs", "8"}, 2, 32,
                                            [](P& p) -> std::int64_t& { return p.format.input_bits; }));
  parameters.push_back(integer_parameter<P>({"inputs.middle_bits", "of what a Monarch matrix's left factor reads", "8"},
                                            2, 48, [](P& p) -> std::int64_t& { return p.format.middle_bits; }));
  parameters.push_back(integer_parameter<P>({"inputs.bits_per_plane", "that a row driver takes at once", "1"}, 1, 8,
                                            [](P& p) -> std::int64_t& { return p.format.plane_bits; }));
  parameters.push_back(integer_parameter<P>({"adc.bits", "of every converter; 0: by adc.rule", "0"}, 0,
                                            kMostConverterBits,
                                            [](P& p) -> std::int64_t& { return p.converters.bits; }));
  parameters.push_back(choice_parameter<P>(
      {"adc.rule", "rows: log2 of the rows that a column adds up; exact: a code for every sum", "rows"},
      names_of(kConverterRuleNames), [](P& p) -> auto& { return p.converters.rule; }));
  parameters.push_back(integer_parameter<P>(
      {"adc.halvings", "of the range: codes span the largest sum over 2 to this, with finer steps, and clip above it",
       "0"},
      0, 16, [](P& p) -> std::int64_t& { return p.converters.halvings; }));
  parameters.push_back(number_parameter<P>({"adc.ns_per_bit", "time of a conversion, per bit, ns", "0.1"}, 0.001, 10000,
                                           [](P& p) -> double& { return p.ns_per_bit; }));
}

/// What only computing with the weights shows: times and energies are the same with it.
void declare_noise(std::vector<Parameter<P>>& parameters) {
  parameters.push_back(
      number_parameter<P>({"noise.programming", "deviation of a cell as written, of the largest conductance", "0"}, 0,
                          1, [](P& p) -> double& { return p.noise.programming; }));
  parameters.push_back(
      number_parameter<P>({"noise.read", "deviation of a cell from read to read, of the largest conductance", "0"}, 0,
                          1, [](P& p) -> double& { return p.noise.read; }));
  parameters.push_back(number_parameter<P>({"noise.seconds", "since the cells were written", "1"}, 0.001, 1e10,
                                           [](P& p) -> double& { return p.noise.seconds; }));
  parameters.push_back(
      number_parameter<P>({"noise.drift_exponent", "conductance falls as seconds to the power of minus this", "0.06"},
                          0, 1, [](P& p) -> double& { return p.noise.drift_exponent; }));
  parameters.push_back(number_parameter<P>({"noise.drift_spread", "deviation of a cell's exponent", "0"}, 0, 1,
                                           [](P& p) -> double& { return p.noise.drift_spread; }));
  parameters.push_back(choice_parameter<P>(
      {"noise.drift_compensated", "true: the converters' range follows the exponent, the spread is left", "false"},
      {"false", "true"}, [](P& p) -> auto& { return p.noise.drift_compensated; }));
}

std::vector<Parameter<P>> declare_analog() {
  std::vector<Parameter<P>> parameters;
  parameters.push_back(number_parameter<P>({"node_nm", "technology node, nm"}, kSmallestNode_nm, kLargestNode_nm,
                                           [](P& p) -> double& { return p.node_nm; }));
  declare_arrays(parameters);
  declare_numbers(parameters);
  declare_noise(parameters);
  parameters.push_back(choice_parameter<P>({"mapping", "where weights lie", "linear"}, names_of(kCellMappingNames),
                                           [](P& p) -> auto& { return p.mapping; }));
  parameters.push_back(integer_parameter<P>({"monarch.blocks", "of each factor; 0: squares, as many as sqrt(n)", "0"},
                                            0, 1 << 24, [](P& p) -> std::int64_t& { return p.blocks; }));
  parameters.push_back(choice_parameter<P>({"placement.order", "which tiles share an array", "contention_aware"},
                                           names_of(kPlacementOrderNames), [](P& p) -> auto& { return p.order; }));
  parameters.push_back(choice_parameter<P>({"placement.packing", "how many share an array", "full"},
                                           names_of(kPackingNames), [](P& p) -> auto& { return p.packing; }));
  parameters.push_back(choice_parameter<P>(
      {"schedule.stages", "of a Monarch matrix: on two tokens at once, or one after the other", "pipelined"},
      {"pipelined", "in_sequence"}, [](P& p) -> auto& { return p.stages; }));
  parameters.push_back(number_parameter<P>({"schedule.step_ns", "what times are rounded up to, ns", "0.005"}, 0.001,
                                           1000, [](P& p) -> double& { return p.time_step_ns; }));
  parameters.push_back(
      integer_parameter<P>({"vector_unit.macs_per_ns", "8-bit products for attention, of a lane each ns"}, 1, 1 << 24,
                           [](P& p) -> std::int64_t& { return p.vector_macs_per_ns; }));
  return parameters;
}

Result<void> check_converters(const P& parameters) {
  const std::int64_t adcs = parameters.converters.adcs, columns = parameters.array.columns;
  if (columns % adcs != 0)
    return fail(Remedy{fmt::format("choose {}", nearest_adcs(columns, adcs))},
                "array.adcs: {} converters do not share {} columns evenly", adcs, columns);
  return {};
}

}  // namespace

ArrayTimes AnalogParameters::times() const {
  // 0.3 / 0.1 is a little more than 3.
  const auto steps = [&](double ns) { return static_cast<std::int64_t>(std::ceil(ns / time_step_ns - 1e-6)); };
  return {std::max<std::int64_t>(1, steps(read_ns)), std::max<std::int64_t>(1, steps(ns_per_bit))};
}

const std::vector<Parameter<AnalogParameters>>& analog_parameters() {
  static const auto kParameters = declare_analog();
  return kParameters;
}

Result<AnalogParameters> read_analog_parameters(const std::string& path, const std::vector<Setting>& settings) {
  const Setting* kind = find_setting(settings, "machine");
  if (!kind || kind->values != std::vector<std::string>{"analog"})
    return fail(Remedy{"name analog or a description of that kind"}, "{}: it is no machine: analog", path);
  SC_TRY_ASSIGN(const AnalogParameters parameters, read_parameters(analog_parameters(), path, settings));
  SC_TRY(within_setting(path, settings, check_converters(parameters)));
  return parameters;
}

}  // namespace sparsecim
