#pragma once

#include <string>
#include <vector>

#include "hardware/machine.hpp"
#include "hardware/parameters.hpp"

namespace sparsecim {

/// A published digital compute-in-memory chip (silicon.yaml says what each figure is).
struct DigitalChip {
  enum class Products { kPlain, kBooth };
  enum class Accumulators { kPerOutput, kPerBank, kPerInput };
  enum class Pipeline { kNone, kProducts, kTree };

  std::string id, name, source, reason;
  double node_nm = 28, vdd_v = 0.9;
  std::int64_t banks = 1, inputs = 1, outputs = 1;
  std::int64_t activation_bits = 8, weight_bits = 8, bits_per_cycle = 1, words_per_unit = 1;
  Products products = Products::kPlain;
  std::int64_t multiplier_bits = 8, tree_bits = 8;
  std::int64_t combine = 0, combine_bits = 0;
  Accumulators accumulators = Accumulators::kPerOutput;
  std::int64_t accumulator_bits = 16;
  Pipeline pipeline = Pipeline::kNone;
  std::int64_t pipeline_bits = 0;
  std::int64_t float_adders = 0;
  std::int64_t sram_bytes = 0;
  double area_mm2 = 0, clock_ns = 0, tops_per_watt = 0;
  bool one_bit_operations = false;
  double toggle = 0, weight_sparsity = 0;
  std::vector<std::string> asserted;

  bool asserts(std::string_view figure) const;
};

/// The chips of a file. Errors: as read_parameters, with the chip's place.
Result<std::vector<DigitalChip>> read_chips(const std::string& path);

/// What the component costs make of a chip.
struct ModelledChip {
  Band area_mm2, clock_ns;
  Band tops_per_watt;                                               // zero where the published one states no conditions
  std::vector<std::pair<std::string, double>> area_um2, energy_pj;  // by component; energy of a cycle
};
ModelledChip model(const DigitalChip& chip);

}  // namespace sparsecim
