#pragma once

#include <vector>

#include "hardware/analog/crossbar.hpp"
#include "hardware/analog/schedule.hpp"
#include "hardware/parameters.hpp"

namespace sparsecim {

/// Crossbars of resistive cells after arXiv 2510.11192 (docs/formats/machines.md).
struct AnalogParameters {
  double node_nm = 32;
  ArraySize array;
  double read_ns = 0.165;
  CellMapping mapping = CellMapping::kLinear;
  std::int64_t blocks = 0;  // of each Monarch matrix; 0: squares, b = sqrt(n)
  PlacementOrder order = PlacementOrder::kContentionAware;
  Packing packing = Packing::kFull;
  enum class Stages { kPipelined, kInSequence } stages = Stages::kPipelined;
  NumberFormat format;
  Converters converters;
  CellNoise noise{.drift_exponent = 0.06};
  double ns_per_bit = 0.1;
  double time_step_ns = 0.005;
  std::int64_t vector_macs_per_ns = 4096;

  PlacementRules rules() const { return {order, packing, stages == Stages::kPipelined}; }
  /// In steps of time, rounded up.
  ArrayTimes times() const;
};

const std::vector<Parameter<AnalogParameters>>& analog_parameters();

/// Errors: as read_parameters; converters that do not divide the columns.
Result<AnalogParameters> read_analog_parameters(const std::string& path, const std::vector<Setting>& settings);

}  // namespace sparsecim
